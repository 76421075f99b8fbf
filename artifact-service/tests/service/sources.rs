//! Sources that misbehave, read by a worker process: the right end for each, and no litter.

use std::process::Command;

use media_concat_test_support::{ffmpeg, process::Process};
use serde_json::json;

use crate::{
    place::Place,
    trouble::{Trouble, sound},
};

const MIB: usize = 1 << 20;

/// How a source misbehaves, and what comes of it: so many bytes, or a message that says so.
type Case = (&'static str, Result<usize, &'static str>);

const PASSING: [Case; 7] = [
    // Of servers that give no ranges.
    ("once", Ok(9 * MIB)),
    ("once-open", Ok(9 * MIB)),
    ("once-breaks", Ok(9 * MIB)),
    ("stalls", Ok(9 * MIB)),
    ("resets", Ok(9 * MIB)),
    ("changes", Ok(8 * MIB)),
    ("fine", Ok(9 * MIB)),
];
const STAYING: [Case; 5] = [
    ("once-short", Err("byte 6291456")),
    ("stalls-always", Err("stalled")),
    // At the end of what there is, or where a part behind it begins.
    ("short", Err("reading failed at byte ")),
    ("long", Err("wrong")),
    ("changes-always", Err("changed")),
];

async fn troubles(shared: bool, attempts: &str, cases: &[Case]) {
    let place = Place::without_worker(shared).await;
    let trouble = Trouble::at([127, 0, 0, 1]).await;
    let mut command = place.command("worker");
    command.args(["--allow-private-addresses", "--patience-seconds", "1"]);
    command.args(["--concurrency", "8", "--attempts", attempts]);
    let mut worker = Process::start(&mut command);
    let mut made = Vec::new();
    for &(name, expected) in cases {
        let url = trouble.url(&format!("{name}/a.wav"));
        let body = json!({"name": name, "type": "audio", "url": url});
        made.push((name, expected, place.create(body).await));
    }
    let mut whole = Vec::new();
    for (name, expected, created) in made {
        let done = place.ended(&created).await;
        match expected {
            Ok(size) => {
                assert_eq!(done["status"], "upload_completed", "{name}: {done}");
                assert_eq!(done["size"], json!(size), "{name}");
                let seed = u8::from(name == "changes");
                assert!(place.content(&done).await == sound(size, seed), "{name}");
                whole.push(done["s3Path"].as_str().expect("a path").to_owned());
            }
            Err(told) => {
                assert_eq!(done["status"], "upload_failed", "{name}: {done}");
                let message = done["errorMessage"].as_str().unwrap_or_default();
                assert!(message.contains(told), "{name}: {message}");
                // The name without its query, and nothing of where our own things are.
                assert!(
                    message.contains(name) && !message.contains(".upload"),
                    "{message}"
                );
            }
        }
    }
    // What was there before a connection broke was not asked for again.
    assert!(
        trouble.sent("resets") < 11 * MIB,
        "{}",
        trouble.sent("resets")
    );
    whole.sort();
    assert_eq!(place.objects(), whole);
    assert_eq!(place.litter(), [""; 0]);
    assert_eq!(place.count("jobs").await, 0);
    worker.kill();
    place.end().await;
}

/// All at the same time, as they are mostly waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn troubles_end_as_they_must() {
    tokio::join!(
        troubles(false, "2", &PASSING),
        troubles(true, "2", &PASSING),
        troubles(false, "1", &STAYING),
        troubles(true, "1", &STAYING),
    );
}

/// With a bucket, a worker needs next to no disk, whatever it downloads and looks at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_keeps_nothing_on_its_disk() {
    let place = Place::without_worker(true).await;
    let trouble = Trouble::at([127, 0, 0, 1]).await;
    let worker = place.command("worker");
    // Whoever writes more than 2 MiB into a file is killed.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 2048; exec \"$0\" \"$@\""]);
    limited.arg(worker.get_program()).args(worker.get_args());
    limited
        .arg("--allow-private-addresses")
        .env("RUST_LOG", "error");
    let mut worker = Process::start(&mut limited);
    let noise = "-f lavfi -i testsrc2=s=640x360:r=25:d=4,noise=alls=90:allf=t \
         -f lavfi -i sine=d=4 -c:v libx264 -preset ultrafast -qp 20 -c:a aac";
    let mut made = Vec::new();
    for name in ["a.mkv", "a.ts", "a.flv"] {
        let bytes = ffmpeg::made(name, noise);
        assert!(bytes.len() > 10 * MIB);
        made.push(("video", place.web.put(name, bytes.clone()), bytes));
    }
    for name in ["once", "once-open", "fine"] {
        let url = trouble.url(&format!("{name}/a.wav"));
        made.push(("audio", url, sound(9 * MIB, 0)));
    }
    for (kind, url, bytes) in made {
        let body = json!({"name": "d", "type": kind, "url": url});
        let done = place.create(body).await;
        let done = place.ended(&done).await;
        assert_eq!(done["status"], "upload_completed", "{url}: {done}");
        assert!(place.content(&done).await == bytes, "{url}");
    }
    worker.kill();
    place.end().await;
}

/// The one address that is allowed leads to others that are not: nothing is asked of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_inward_are_refused() {
    let place = Place::without_worker(false).await;
    let outside = Trouble::at([127, 0, 0, 2]).await;
    let inside = Trouble::at([127, 0, 0, 1]).await;
    let mut command = place.command("worker");
    let mut worker = Process::start(command.args(["--allow-address", "127.0.0.2/32"]));
    let own = format!("to/http/{}/fine/a.wav", outside.address);
    let done = place
        .create(json!({"name": "own", "type": "audio", "url": outside.url(&own)}))
        .await;
    assert_eq!(place.ended(&done).await["status"], "upload_completed");
    let port = inside.address.port();
    for to in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("2130706433:{port}"),
        "169.254.169.254".to_owned(),
        "10.0.0.1".to_owned(),
        "[fd00::1]".to_owned(),
    ] {
        let url = outside.url(&format!("to/http/{to}/fine/a.wav"));
        for body in [
            json!({"name": "r", "type": "audio", "url": url}),
            json!({"name": "r", "type": "audio", "fragments": [{"url": url, "startTime": 0}]}),
        ] {
            let done = place.create(body).await;
            let done = place.ended(&done).await;
            assert_eq!(done["status"], "upload_failed", "{to}: {done}");
            let message = done["errorMessage"].as_str().unwrap_or_default();
            assert!(message.contains("refused"), "{to}: {message}");
        }
    }
    assert_eq!(inside.asked(), 0, "an address inside was asked");
    worker.kill();
    place.end().await;
}
