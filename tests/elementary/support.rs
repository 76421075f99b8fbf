//! Joins, and what other programs make of them, in a folder of their own; and the parts of WAV.

use media_concat_test_support::{
    desk::Desk,
    process::{Run, tool_path},
};
use serde_json::Value;

/// The words of all commands are separated by spaces.
pub(crate) trait Sounds {
    /// Joins.
    fn join(&self, args: &str);

    /// Joins, and returns the report.
    fn report(&self, args: &str) -> Value;

    /// The first bytes of a join that is written to a pipe nobody reads to the end.
    fn shell_head(&self, args: &str, bytes: usize) -> Vec<u8>;

    /// What the tool says to a join that it refuses.
    fn refused(&self, args: &str) -> String;

    /// Joins or refuses, but does not panic.
    fn attempt(&self, args: &str) -> Run;

    /// Has the reference decoder read a file, to which every warning but one is an error.
    fn strictly_flac(&self, name: &str);

    /// Runs FFmpeg, which must be content.
    fn ffmpeg(&self, args: &str) -> Vec<u8> {
        self.ffmpeg_words(args.split(' '))
    }

    /// Runs FFmpeg with words that may have spaces; it must be content.
    fn ffmpeg_words<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Vec<u8>;

    /// What ffprobe shows of `entries`, one value a line.
    fn ffprobe(&self, entries: &str, name: &str) -> String;
}

impl Sounds for Desk {
    fn join(&self, args: &str) {
        let args = ["join"].into_iter().chain(args.split(' '));
        self.tool(args).expect(0);
    }

    fn report(&self, args: &str) -> Value {
        let args = ["join", "--json"].into_iter().chain(args.split(' '));
        self.tool(args).expect(0).json()
    }

    fn shell_head(&self, args: &str, bytes: usize) -> Vec<u8> {
        let tool = tool_path();
        let tool = tool.display();
        let script = format!("{tool} join --format wav -o - {args} | head -c {bytes}");
        let stdout = self.run("bash", ["-c", &script]).stdout;
        assert_eq!(stdout.len(), bytes);
        stdout
    }

    fn refused(&self, args: &str) -> String {
        let run = self.attempt(args);
        assert!(!run.done(), "it was joined");
        run.stderr
    }

    fn attempt(&self, args: &str) -> Run {
        let args = ["join"].into_iter().chain(args.split(' '));
        let run = self.tool(args);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }

    fn strictly_flac(&self, name: &str) {
        let run = self.run("flac", ["-t", "-s", name]);
        let unset = "WARNING, cannot check MD5 signature since it was unset";
        let rest = run.stderr.replace(unset, "");
        assert!(
            run.done() && !rest.contains("WARNING") && !rest.contains("ERROR"),
            "{}",
            run.stderr
        );
    }

    fn ffmpeg_words<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let args = ["-v", "error", "-nostdin", "-y", "-bitexact"]
            .into_iter()
            .chain(args);
        let run = self.run("ffmpeg", args);
        assert!(
            run.done() && run.stderr.is_empty(),
            "FFmpeg said: {}",
            run.stderr
        );
        run.stdout
    }

    fn ffprobe(&self, entries: &str, name: &str) -> String {
        let args = ["-v", "error", "-of", "default=nw=1:nk=1", "-show_entries"];
        let run = self.run("ffprobe", args.into_iter().chain([entries, name]));
        assert!(
            run.done() && run.stderr.is_empty(),
            "ffprobe said: {}",
            run.stderr
        );
        run.text().trim().replace('\n', " ")
    }
}

/// A RIFF chunk, padded.
pub(crate) fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut all = kind.to_vec();
    all.extend((content.len() as u32).to_le_bytes());
    all.extend(content);
    all.resize(all.len() + content.len() % 2, 0);
    all
}

/// A RIFF file of chunks.
pub(crate) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let content = chunks.concat();
    let mut all = b"RIFF".to_vec();
    all.extend((content.len() as u32 + 4).to_le_bytes());
    all.extend(b"WAVE");
    all.extend(content);
    all
}

/// The content of `fmt ` for integers.
pub(crate) fn fmt(channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let mut all = Vec::new();
    for field in [1, channels] {
        all.extend(field.to_le_bytes());
    }
    for field in [rate, rate * u32::from(block)] {
        all.extend(field.to_le_bytes());
    }
    for field in [block, bits] {
        all.extend(field.to_le_bytes());
    }
    all
}
