//! What indexes say of times that vary, that are missing, or that begin anew.

use std::path::Path;

use media_concat_test_support::{desk::Desk, process::tool};

use crate::{
    ear,
    joins::START,
    quirks::{Joins, text},
};

const SOURCE: &str = "testsrc2=s=320x180:r=60:d=3";
const H264: [&str; 6] = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "0"];

/// Every picture of two clips is shown, each at its own time within `tick` seconds.
fn assert_times(output: &Path, clips: [&Path; 2], tick: f64) {
    let hashes = clips.map(|clip| ear::hashes(clip, "0:v:0", false));
    assert_eq!(ear::hashes(output, "0:v:0", false), hashes.concat());
    let times = clips.map(ear::picture_times);
    let starts = [0.0, START];
    let wanted = times.iter().zip(starts).flat_map(|(times, start)| {
        let first = times[0];
        times.iter().map(move |time| time - first + start)
    });
    let shown = ear::picture_times(output);
    for (at, wanted) in shown.iter().zip(wanted) {
        let late = at - shown[0] - wanted;
        assert!(late.abs() < tick, "{output:?}: {late} s late at {wanted} s");
    }
}

/// A phone takes fewer pictures a second in the dark; now and then one is missing.
#[test]
fn frame_rates_that_vary_are_no_difference() {
    let desk = Desk::new();
    let made = |name: &str, chosen: &str| {
        let filter = format!("select='{chosen}'");
        let mut args = vec!["-f", "lavfi", "-i", SOURCE, "-vf", &filter, "-vsync", "vfr"];
        args.extend(H264);
        args.extend(["-pix_fmt", "yuv420p"]);
        desk.make(name, &args)
    };
    for extension in ["mp4", "mkv", "ts"] {
        let named = |name: &str| format!("{name}.{extension}");
        let bright = made(&named("bright"), "not(eq(mod(n,61),13))");
        let dark = made(&named("dark"), "gt(mod(n,5),0)");
        let even = made(&named("even"), "1");
        let half = made(&named("half"), "mod(n,2)");
        for (first, second) in [(&bright, &dark), (&dark, &even), (&bright, &half)] {
            for output in ["out.mp4", "out.mkv", "out.ts"] {
                let joined = desk.join(output, first, second);
                assert_times(&joined, [first, second], 0.0015);
                std::fs::remove_file(joined).unwrap();
            }
        }
        let said = desk.refused("out.mkv", &[&even, &half]);
        assert!(
            said.contains("frame rate is 30.000, the first fragment has 60.000"),
            "{said}"
        );
    }
}

/// Two recordings of fragmented MP4 put into one file: the clock begins anew in its middle.
#[test]
fn a_clock_that_begins_anew_goes_on() {
    let desk = Desk::new();
    let recorded = |name: &str, hue: &str, seconds: &str| {
        let source = format!("testsrc2=s=320x180:r=30:d={seconds},hue=h={hue}");
        let sine = format!("sine=d={seconds}");
        let mut args = vec!["-f", "lavfi", "-i", &source, "-f", "lavfi", "-i", &sine];
        args.extend(H264);
        args.extend(["-pix_fmt", "yuv420p", "-c:a", "aac", "-g", "15"]);
        args.extend(["-movflags", "frag_keyframe+empty_moov+default_base_moof"]);
        desk.make(name, &args)
    };
    let (one, two) = (
        recorded("one.mp4", "0", "1"),
        recorded("two.mp4", "90", "1.5"),
    );
    let next = recorded("next.mp4", "180", "2");
    let [first, second] = [&one, &two].map(|path| std::fs::read(path).unwrap());
    let both = desk.write("both.mp4", &[&first, &second]);
    let hashes = [&one, &two, &next].map(|path| ear::hashes(path, "0:v:0", false));
    for output in ["out.mp4", "out.mkv", "out.ts"] {
        let joined = desk.join(output, &both, &next);
        assert_eq!(
            ear::hashes(&joined, "0:v:0", false),
            hashes.concat(),
            "{output}"
        );
        let times = ear::picture_times(&joined);
        let apart = times.windows(2).map(|pair| pair[1] - pair[0]);
        let (least, most) = apart.fold((f64::MAX, 0.0_f64), |(least, most), apart| {
            (least.min(apart), most.max(apart))
        });
        assert!(
            least > 0.03 && most < 0.6,
            "{output}: {least} to {most} s apart"
        );
        let late = times[30] - times[0] - 1.0;
        assert!((-0.001..0.05).contains(&late), "{output}: {late} s");
    }
    let said = tool([
        "join",
        "--json",
        "-o",
        text(&desk.path("json.mp4")),
        text(&both),
    ]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("the clock jumps back by"), "{said}");
}
