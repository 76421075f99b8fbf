//! Subtitles with styles of their own in each fragment: what is drawn how in the joined file.

use media_concat_test_support::{desk::Desk, fixtures::clip, process::tool};

use crate::quirks::text;

const FORMAT: &str = "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, \
                      BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, \
                      BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding";
const REST: &str =
    "&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,2,2,2,10,10,10,1";

/// A clip with subtitles: `styles` are names and sizes, `events` styles and texts, a quarter of a second each.
fn with_styles(
    desk: &Desk,
    name: &str,
    across: u32,
    styles: &[(&str, u32)],
    events: &[(&str, &str)],
) -> std::path::PathBuf {
    let mut script = format!(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: {across}\nPlayResY: 288\n\n[V4+ Styles]\n{FORMAT}\n"
    );
    for (style, size) in styles {
        script += &format!("Style: {style},Arial,{size},{REST}\n");
    }
    script += "\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n";
    for (index, (style, line)) in events.iter().enumerate() {
        let at = [10, 35, 60][index];
        script += &format!(
            "Dialogue: 0,0:00:00.{at},0:00:00.{},{style},,0,0,0,,{line}\n",
            at + 20
        );
    }
    let script = desk.write(&format!("{name}.ass"), &[script.as_bytes()]);
    let own = clip("h264_ac30.mkv");
    let args = [
        "-i",
        text(&own),
        "-i",
        text(&script),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-c:s",
        "ass",
    ];
    desk.make(&format!("{name}.mkv"), &args)
}

type Pairs = Vec<(String, String)>;

/// The joined script as FFmpeg gives it: (style's name, size) and (style, text) in the order of the file.
fn script(desk: &Desk, joined: &std::path::Path) -> [Pairs; 2] {
    let args = ["-i", text(joined), "-map", "0:s:0", "-c", "copy"];
    let script = std::fs::read_to_string(desk.make("joined.ass", &args)).unwrap();
    let fields = |key: &str, first: usize, second: usize, count: usize| {
        let lines = script.lines().filter_map(|line| line.strip_prefix(key));
        let pick = |line: &str| {
            let fields: Vec<&str> = line.splitn(count, ',').collect();
            (fields[first].trim().to_owned(), fields[second].to_owned())
        };
        lines.map(pick).collect()
    };
    [fields("Style:", 0, 2, 23), fields("Dialogue:", 3, 9, 10)]
}

fn pairs(all: &[(&str, &str)]) -> Pairs {
    let owned = all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

/// Events of later fragments were drawn in the first fragment's styles of the same name, or in none; and they
/// had the numbers of the first fragment's events, for which players leave them out.
#[test]
fn every_event_keeps_the_style_it_had() {
    let desk = Desk::new();
    let first = with_styles(
        &desk,
        "first",
        384,
        &[("Default", 16), ("Sign", 20)],
        &[("Default", "one"), ("Sign", "two")],
    );
    let second = with_styles(
        &desk,
        "second",
        384,
        &[("Default", 40), ("Other", 30)],
        &[
            ("Default", "three"),
            ("Other", r"a{\rDefault}b"),
            ("Nothing", "c"),
        ],
    );
    let third = with_styles(
        &desk,
        "third",
        384,
        &[("Default", 16)],
        &[("Default", "last")],
    );
    let output = desk.path("joined.mkv");
    let sources = [(&first, 0), (&second, 3), (&third, 6)];
    let sources = sources.map(|(source, at)| format!("{}@{at}", source.display()));
    let mut args = vec!["join", "-o", text(&output)];
    args.extend(sources.iter().map(String::as_str));
    let joined = tool(&args);
    let said = joined.said();
    assert!(joined.done() && !said.contains("warning"), "{said}");
    let [styles, events] = script(&desk, &output);
    let expected = [
        ("Default", "16"),
        ("Sign", "20"),
        ("Default 2", "40"),
        ("Other", "30"),
    ];
    assert_eq!(styles, pairs(&expected));
    let expected = [
        ("Default", "one"),
        ("Sign", "two"),
        ("Default 2", "three"),
        ("Other", r"a{\rDefault 2}b"),
        ("Default 2", "c"),
        ("Default", "last"),
    ];
    assert_eq!(events, pairs(&expected));
}

/// Sizes and places count in the header's resolution: there is one in the output.
#[test]
fn scripts_of_two_resolutions_are_named() {
    let desk = Desk::new();
    let [first, second] = [384, 1280].map(|across| {
        let styles = [("Default", 16)];
        let events = [("Default", "one")];
        with_styles(&desk, &format!("of{across}"), across, &styles, &events)
    });
    let output = desk.path("joined.mkv");
    let second = format!("{}@3", second.display());
    let joined = tool(["join", "-o", text(&output), text(&first), &second]);
    let said = joined.said();
    assert!(
        said.contains("of1280.mkv") && said.contains("1280x288"),
        "{said}"
    );
}
