//! Fragments without an index behind a server that fails: they are read through another path than MP4, with
//! the same promises.

use media_concat::{
    Concat, Error, Options, Overwrite,
    media::Container,
    probe::Fragment,
    source::{FileSource, Http, SourceState, Validator},
};
use media_concat_test_support::{
    compare::chain,
    ffmpeg::make,
    fixtures::{clip, containers},
};

use crate::{
    fault::{Act, Fault, Object},
    support::client,
};

const CLIPS: [(&str, Container); 4] = [
    ("h264_aac?.ts", Container::MpegTs),
    ("h264_aac?.mkv", Container::Matroska),
    ("mp3?.mp3", Container::Mp3),
    ("flac?.flac", Container::Flac),
];

fn path(name: &str, index: usize) -> std::path::PathBuf {
    clip(&name.replace('?', &index.to_string()))
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
    Concat::new().options(Options::new().container(Some(container)))
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

/// What was found, but for where it lies: that is for a join only.
fn found(fragment: &Fragment) -> String {
    let mut fragment = fragment.clone();
    fragment.name.clear();
    fragment.state = SourceState {
        len: 0,
        validator: Validator::Unknown,
    };
    let whole = format!("{fragment:?}");
    let mut parts = whole.split("chunks: [");
    let begin = parts.next().unwrap().to_owned();
    parts.fold(begin, |all, part| {
        let (_, behind) = part.split_once("], ").expect("the end of the chunks");
        all + behind
    })
}

/// Who only looks finds what a join would, in every container.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_finds_what_a_join_would() {
    let server = Fault::start().await;
    let mut looked_at = 0;
    for entry in std::fs::read_dir(containers()).unwrap() {
        let path = entry.unwrap().path();
        let known = Container::from_path(&path).is_some();
        if !known || path.to_string_lossy().contains("/.") {
            continue;
        }
        looked_at += 1;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        server.put(&format!("/{name}"), Object::tagged(bytes, "\"1\""));
        let source = client().source(&server.url(&format!("/{name}"))).unwrap();
        let there = Concat::new().fragment(source, None).inspect().await;
        let here = Concat::new().fragment(FileSource::new(path), None);
        let here = here.probe().await.unwrap();
        let there = there.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        assert_eq!(
            found(&there.fragments()[0]),
            found(&here.fragments()[0]),
            "{name}"
        );
    }
    assert!(looked_at > 60, "{looked_at} fixtures");
}

/// A look at a file without an index keeps next to nothing of it on disk, and asks for little twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.ts", "a.mkv", "a.flv", "a.avi"] {
        let path = folder.path().join(name);
        let noise = "testsrc2=s=640x360:r=25:d=5,noise=alls=90:allf=t";
        let words = format!(
            "-f lavfi -i {noise} -f lavfi -i sine=d=5 -c:v libx264 -preset ultrafast -qp 20 -c:a aac"
        );
        make(&path, words.split(' '));
        let bytes = std::fs::read(&path).unwrap();
        let size = bytes.len() as u64;
        assert!(size > 12 << 20, "{size} bytes");
        let server = Fault::start().await;
        server.put("/a", Object::tagged(bytes, "\"1\""));
        let mut options = Options::default();
        options.limits.spool_bytes = 1 << 20;
        let source = || client().source(&server.url("/a")).unwrap();
        let there = Concat::new().options(options);
        let there = there.fragment(source(), None).inspect().await;
        let there = there.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        let sent = server.sent();
        assert!(sent < size + size / 4, "{name}: {sent} of {size} bytes");
        let here = Concat::new().fragment(FileSource::new(path), None);
        let here = here.probe().await.unwrap();
        assert_eq!(
            found(&there.fragments()[0]),
            found(&here.fragments()[0]),
            "{name}"
        );
        let join = Concat::new().options(options).fragment(source(), None);
        let kept = chain(&join.probe().await.unwrap_err());
        assert!(kept.contains("temporary file"), "{name}: {kept}");
    }
}

/// What a server says of a failure is what a look says, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_fails_as_a_join_would() {
    let server = Fault::start().await;
    put(&server, "h264_aac?.ts");
    let length = std::fs::metadata(path("h264_aac?.ts", 0)).unwrap().len();
    server.script(move |asked| match asked.index {
        0 | 1 => Act::Serve,
        _ => Act::Stop(length / 50),
    });
    let source = client().source(&server.url("/0")).unwrap();
    let failed = Concat::new().fragment(source, None).inspect().await;
    let said = chain(&failed.unwrap_err());
    assert!(
        said.contains("fragment 0") && said.contains("byte "),
        "{said}"
    );
}
