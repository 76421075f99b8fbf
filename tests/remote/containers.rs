//! Fragments without an index behind a server that fails: they are read through another path than MP4, with
//! the same promises.

use std::path::Path;

use media_concat::{
    Concat, Error, Options, Overwrite,
    media::Container,
    source::{FileSource, Http},
};

use crate::{
    fault::{Act, Fault, Object},
    support::{chain, client},
};

const CLIPS: [(&str, Container); 4] = [
    ("h264_aac?.ts", Container::MpegTs),
    ("h264_aac?.mkv", Container::Matroska),
    ("mp3?.mp3", Container::Mp3),
    ("flac?.flac", Container::Flac),
];

fn path(name: &str, index: usize) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/containers");
    folder.join(name.replace('?', &index.to_string()))
}

fn put(server: &Fault, name: &str) {
    for index in 0..2 {
        let bytes = std::fs::read(path(name, index)).unwrap();
        server.put(
            &format!("/{index}"),
            Object::tagged(bytes, &format!("\"{index}\"")),
        );
    }
}

fn of(container: Container) -> Concat {
    Concat::new().options(Options {
        container: Some(container),
        ..Options::default()
    })
}

fn remote(server: &Fault, http: &Http, container: Container) -> Concat {
    (0..2).fold(of(container), |concat, index| {
        let url = server.url(&format!("/{index}?signature=secret"));
        concat.fragment(http.source(&url).unwrap(), None)
    })
}

/// Faults that pass leave no trace in the output; an object that changes is an error that says so.
#[tokio::test(flavor = "multi_thread")]
async fn fragments_without_an_index_are_read_through_faults() {
    for (name, container) in CLIPS {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        let local = (0..2).fold(of(container), |concat, index| {
            concat.fragment(FileSource::new(path(name, index)), None)
        });
        local.write_file(&here, Overwrite::Never).await.unwrap();
        let expected = std::fs::read(&here).unwrap();
        let server = Fault::start().await;
        put(&server, name);
        let join = remote(&server, &client(), container);
        join.write_file(&there, Overwrite::Never).await.unwrap();
        assert!(
            std::fs::read(&there).unwrap() == expected,
            "{name}: without a fault"
        );
        let requests = server.asked().len() as u64;
        for point in 0..8_u64 {
            put(&server, name);
            let turn = server.asked().len() as u64 + point % requests;
            let at = 1 + point * 2_003;
            let act = match point % 4 {
                0 => Act::Reset(at),
                1 => Act::Stop(at),
                2 => Act::Status(500, vec![]),
                _ => Act::Change,
            };
            let faulty = act.clone();
            server.script(move |asked| match asked.index as u64 {
                index if index == turn => faulty.clone(),
                index if index > turn && faulty == Act::Change => faulty.clone(),
                _ => Act::Serve,
            });
            std::fs::remove_file(&there).ok();
            let join = remote(&server, &client(), container);
            match join.write_file(&there, Overwrite::Never).await {
                Ok(_) => {
                    let same = std::fs::read(&there).unwrap() == expected;
                    assert!(same, "{name}: {act:?} at request {turn}");
                }
                Err(error) => {
                    let said = chain(&error);
                    assert_eq!(act, Act::Change, "{name}: {said}");
                    assert!(!there.exists() && !said.contains("secret"), "{said}");
                }
            }
        }
    }
}

/// A server that stops for good is an error, never the end of the file.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_reading_is_no_end_of_file() {
    for (name, container) in CLIPS {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        let server = Fault::start().await;
        put(&server, name);
        let length = std::fs::metadata(path(name, 1)).unwrap().len();
        server.script(move |asked| {
            if asked.index < 3 {
                Act::Serve
            } else {
                Act::Stop(length / 50)
            }
        });
        let join = remote(&server, &client(), container);
        let failed = join.write_file(&output, Overwrite::Never).await;
        let said = match failed {
            Err(Error::Fragments(all)) => all.iter().map(|one| chain(one)).collect(),
            Err(error) => vec![chain(&error)],
            Ok(_) => panic!("{name}: the rest of it never came"),
        };
        for text in said {
            assert!(
                text.contains("fragment ") && text.contains("byte "),
                "{name}: {text}"
            );
        }
        assert!(!output.exists(), "{name}: an output in spite of an error");
    }
}
