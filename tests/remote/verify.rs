//! Seams of remote fragments and remote outputs are decoded with few of their bytes.

use std::sync::Arc;

use media_concat::{
    Concat, Error, Options, Overwrite,
    media::Container,
    source::{FileSource, SharedSource},
};
use media_concat_test_support::{
    compare::chain,
    ffmpeg::make,
    fixtures::{clip, fixture},
};

use crate::{
    fault::{Act, Fault, Object},
    support::client,
};

fn put(server: &Fault, path: &str, bytes: Vec<u8>) {
    server.put(path, Object::tagged(bytes, &format!("\"{path}\"")));
}

/// The two clips of every container, joined from a server; the output is there and on the server.
#[tokio::test(flavor = "multi_thread")]
async fn remote_fragments_and_outputs_are_decoded() {
    for (name, container) in [
        ("h264_aac?.mp4", Container::Mp4),
        ("h264_aac?.ts", Container::MpegTs),
        ("h264_aac?.mkv", Container::Matroska),
        ("mp3?.mp3", Container::Mp3),
        ("opus?.opus", Container::Opus),
        ("s16?.wav", Container::Wav),
    ] {
        let server = Fault::start().await;
        let http = client();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let options = Options::new().container(Some(container));
        let concat = (0..2).fold(Concat::new().options(options), |concat, index| {
            let bytes = std::fs::read(clip(&name.replace('?', &index.to_string()))).unwrap();
            put(&server, &format!("/{index}"), bytes);
            let url = server.url(&format!("/{index}"));
            concat.fragment(http.source(&url).unwrap(), None)
        });
        let planned = concat.plan().await.unwrap();
        planned.write_file(&path, Overwrite::Never).await.unwrap();
        put(&server, "/out", std::fs::read(&path).unwrap());
        let remote: SharedSource = Arc::new(http.source(&server.url("/out")).unwrap());
        let local: SharedSource = Arc::new(FileSource::new(&path));
        for output in [local, remote] {
            let checks = planned.verify_decoded(&output).await;
            let checks = checks.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(checks.len(), 1, "{name}");
        }
    }
}

/// Of long fragments, what is at the seam is read. A server that fails is an error that says where.
#[tokio::test(flavor = "multi_thread")]
async fn few_bytes_of_long_fragments_are_read() {
    let server = Fault::start().await;
    let http = client();
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.mp4");
    let words = "-f lavfi -i testsrc2=s=320x180:r=25,noise=alls=20,trim=0:40 \
                 -f lavfi -i sine=440:r=48000,atrim=0:40 -c:a aac -c:v libx264 \
                 -preset ultrafast -g 25 -crf 20 -movflags +faststart";
    make(&long, words.split(' '));
    let bytes = std::fs::read(&long).unwrap();
    let size = bytes.len() as u64;
    put(&server, "/long", bytes);
    put(&server, "/short", std::fs::read(fixture("a0.mp4")).unwrap());
    let source = || http.source(&server.url("/long")).unwrap();
    let concat = Concat::new()
        .fragment(source(), None)
        .fragment(source(), None);
    let planned = concat.plan().await.unwrap();
    let path = folder.path().join("out.mp4");
    planned.write_file(&path, Overwrite::Never).await.unwrap();
    let output: SharedSource = Arc::new(FileSource::new(&path));
    let before = server.sent();
    planned.verify_decoded(&output).await.unwrap();
    let read = server.sent() - before;
    assert!(read < size / 2, "{read} of {size} bytes, twice over");

    server.script(|_| Act::Status(404, vec![]));
    let error = planned.verify_decoded(&output).await.unwrap_err();
    let text = chain(&error);
    assert!(
        matches!(error, Error::Source { .. }) && text.contains("/long"),
        "{text}"
    );
}
