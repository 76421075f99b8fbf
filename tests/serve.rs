//! A join behind a URL, as curl, ffprobe and ffmpeg see it: a small server on loopback hands every
//! request to the library.

use std::{
    convert::Infallible,
    path::PathBuf,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use futures::{StreamExt, TryStreamExt};
use http_body_util::StreamBody;
use hyper::{body::Frame, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use media_concat::{
    Concat, Planned,
    serve::{Disposition, VirtualFile},
    source::FileSource,
};
use media_concat_test_support::fixtures::fixture;
use tokio::{net::TcpListener, runtime::Runtime};

async fn planned(paths: impl IntoIterator<Item = PathBuf>) -> Planned {
    let concat = paths.into_iter().fold(Concat::new(), |concat, path| {
        concat.fragment(FileSource::new(path), None)
    });
    concat.plan().await.expect("planned")
}

/// A served file and what was asked of it.
struct Served {
    url: String,
    file: VirtualFile,
    /// The whole output, as the library streams it.
    whole: Vec<u8>,
    /// The `Range` of every request.
    asked: Arc<Mutex<Vec<Option<String>>>>,
    _runtime: Runtime,
}

/// Serves the join of `paths` until it is dropped.
fn serve(paths: impl IntoIterator<Item = PathBuf>) -> Served {
    let runtime = Runtime::new().expect("a runtime");
    let planned = runtime.block_on(planned(paths));
    let whole = runtime.block_on(planned.stream().try_collect::<Vec<_>>());
    let file = VirtualFile::new(&planned).file_name(Disposition::Attachment, "joined clip.mp4");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
    let listener = listener.expect("a port");
    let url = format!(
        "http://{}/joined.mp4",
        listener.local_addr().expect("bound")
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (answering, seen) = (file.clone(), Arc::clone(&asked));
    runtime.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (file, seen) = (answering.clone(), Arc::clone(&seen));
            let service = service_fn(move |request| {
                let (file, seen) = (file.clone(), Arc::clone(&seen));
                async move { Ok::<_, Infallible>(answer(&file, &request, &seen)) }
            });
            let connection = TokioIo::new(connection);
            // A client that goes away ends its connection, and only that.
            tokio::spawn(http1::Builder::new().serve_connection(connection, service));
        }
    });
    Served {
        url,
        file,
        whole: whole.expect("streamed").concat(),
        asked,
        _runtime: runtime,
    }
}

/// All that a server has to do.
fn answer<B>(
    file: &VirtualFile,
    request: &http::Request<B>,
    seen: &Mutex<Vec<Option<String>>>,
) -> http::Response<
    impl hyper::body::Body<Data = bytes::Bytes, Error = media_concat::sink::SinkError> + use<B>,
> {
    let range = request.headers().get("range");
    let range = range.map(|range| range.to_str().expect("text").to_owned());
    seen.lock().expect("sound").push(range);
    file.respond(request)
        .map(|body| StreamBody::new(body.map(|piece| piece.map(Frame::data))))
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn curl(arguments: &[&str]) -> Vec<u8> {
    let output = run("curl", &[&["--silent", "--show-error"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {arguments:?}: {said}");
    output.stdout
}

/// The headers of an answer, names in lower case.
fn headers(served: &Served, arguments: &[&str]) -> (u16, Vec<(String, String)>) {
    let all = [
        &["--dump-header", "-", "--output", "/dev/null", &*served.url],
        arguments,
    ]
    .concat();
    let text = String::from_utf8(curl(&all)).expect("text");
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status
        .and_then(|status| status.parse().ok())
        .expect("a status");
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    (status, headers.collect())
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| &**value)
}

fn clips() -> [PathBuf; 3] {
    ["a0.mp4", "a1.mp4", "a2.mp4"].map(fixture)
}

#[test]
fn curl_gets_what_the_library_streams() {
    let served = serve(clips());
    let (url, whole) = (&*served.url, &served.whole);
    assert!(whole.len() as u64 == served.file.size() && whole.len() > 10_000);
    assert!(curl(&[url]) == *whole);
    let middle = whole.len() / 2;
    for (range, expected) in [
        ("0-0".to_owned(), &whole[..1]),
        (
            format!("{middle}-{}", middle + 4_999),
            &whole[middle..middle + 5_000],
        ),
        (format!("{middle}-"), &whole[middle..]),
        ("-777".to_owned(), &whole[whole.len() - 777..]),
        ("0-".to_owned(), whole),
    ] {
        assert!(curl(&["--range", &range, url]) == expected, "{range}");
    }
    // Two ranges: both are in the answer, each under its own header.
    let several = curl(&["--range", "0-9,5000-5009", url]);
    let at = |what: &[u8]| several.windows(what.len()).position(|part| part == what);
    let ranges = [&whole[..10], &whole[5_000..5_010]].map(|part| at(part).expect("both"));
    assert!(ranges[0] < ranges[1]);
    let content_range = format!("content-range: bytes 5000-5009/{}", whole.len());
    assert!(at(content_range.as_bytes()).is_some_and(|at| at > ranges[0]));
}

#[test]
fn curl_resumes_where_it_stopped() {
    let served = serve(clips());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("part.mp4");
    std::fs::write(&path, &served.whole[..served.whole.len() / 3]).expect("written");
    let to = path.to_str().expect("text");
    curl(&["--continue-at", "-", "--output", to, &served.url]);
    assert!(std::fs::read(&path).expect("readable") == served.whole);
    let asked = served.asked.lock().expect("sound").clone();
    let from = format!("bytes={}-", served.whole.len() / 3);
    assert_eq!(asked, [Some(from)]);
    // Nothing is left to resume: refused, with the length.
    let past = format!("{}-", served.whole.len());
    let (status, headers) = headers(&served, &["--range", &past]);
    let expected = format!("bytes */{}", served.whole.len());
    assert_eq!(
        (status, header(&headers, "content-range")),
        (416, Some(&*expected))
    );
}

#[test]
fn heads_and_conditions() {
    let served = serve(clips());
    let (status, head) = headers(&served, &["--head"]);
    assert_eq!(status, 200);
    let length = served.whole.len().to_string();
    assert_eq!(header(&head, "content-length"), Some(&*length));
    assert_eq!(header(&head, "accept-ranges"), Some("bytes"));
    assert_eq!(header(&head, "content-type"), Some("video/mp4"));
    let name = "attachment; filename=\"joined clip.mp4\"";
    assert_eq!(header(&head, "content-disposition"), Some(name));
    let tag = header(&head, "etag").expect("a tag");
    assert_eq!(served.file.entity_tag(), tag);
    let date = header(&head, "last-modified").expect("files have dates");
    let with = |name: &str, value: &str| format!("{name}: {value}");
    let (own, other) = (with("If-None-Match", tag), with("If-None-Match", "\"x\""));
    let (matching, failing) = (with("If-Match", tag), with("If-Match", "\"x\""));
    let (since, resumed) = (with("If-Modified-Since", date), with("If-Range", tag));
    let stale = with("If-Range", "\"x\"");
    for (arguments, expected) in [
        (vec!["-H", &own], 304),
        (vec!["-H", &other], 200),
        (vec!["-H", &matching], 200),
        (vec!["-H", &failing], 412),
        (vec!["-H", &since], 304),
        (vec!["-H", &other, "-H", &since], 200),
        (vec!["-H", &resumed, "--range", "5-"], 206),
        (vec!["-H", &stale, "--range", "5-"], 200),
        (vec!["--request", "DELETE"], 405),
        (vec!["--data", "x"], 405),
    ] {
        let (status, headers) = headers(&served, &arguments);
        assert_eq!(status, expected, "{arguments:?}");
        let allow = (expected == 405).then_some("GET, HEAD");
        assert_eq!(header(&headers, "allow"), allow, "{arguments:?}");
    }
    // curl's own way of not loading twice.
    let folder = tempfile::tempdir().expect("a folder");
    let [tags, out] = ["tags", "out"].map(|name| folder.path().join(name));
    let [tags, out] = [&tags, &out].map(|path| path.to_str().expect("text"));
    curl(&["--etag-save", tags, "--output", out, &served.url]);
    let again = [
        "--etag-compare",
        tags,
        "--write-out",
        "%{http_code} %{size_download}",
    ];
    assert_eq!(
        curl(&[&again[..], &["--output", out, &served.url]].concat()),
        b"304 0"
    );
}

/// Players: what ffmpeg decodes from the URL is what it decodes from the file, from the beginning and
/// after seeking, and for that it does not load everything.
#[test]
fn ffmpeg_plays_and_seeks() {
    let long: Vec<PathBuf> = (0..20).flat_map(|_| clips()).collect();
    let served = serve(long);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("joined.mp4");
    std::fs::write(&path, &served.whole).expect("written");
    let path = path.to_str().expect("text");
    let shown = |from: &str| {
        let entries = "format=duration,size:stream=codec_name,nb_frames,duration";
        let output = run("ffprobe", &["-v", "error", "-show_entries", entries, from]);
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(shown(&served.url), shown(path));
    assert!(shown(path).contains("duration"));
    for seek in ["0", "3.3", "61", "117.9"] {
        let decoded = |from: &str| {
            let (input, frames) = (["-v", "error", "-ss", seek, "-i", from], ["-t", "1"]);
            let output = run(
                "ffmpeg",
                &[&input[..], &frames, &["-f", "framemd5", "-"]].concat(),
            );
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{seek}: {said}");
            String::from_utf8(output.stdout).expect("text")
        };
        let frames = decoded(&served.url);
        assert!(frames.lines().count() > 20, "{seek}: {frames}");
        assert_eq!(frames, decoded(path), "{seek}");
    }
    let asked = served.asked.lock().expect("sound").clone();
    let seeks = asked.iter().flatten().filter(|range| *range != "bytes=0-");
    assert!(seeks.count() >= 2, "{asked:?}");
}

/// The tag that a client remembers is that of any process with the same plan, and only of it.
#[tokio::test]
async fn tags_tell_plans_and_fragments_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let copies: Vec<PathBuf> = clips()
        .iter()
        .map(|clip| {
            let copy = folder.path().join(clip.file_name().expect("a name"));
            std::fs::copy(clip, &copy).expect("copied");
            copy
        })
        .collect();
    let tag = |planned: &Planned| VirtualFile::new(planned).entity_tag().clone();
    let first = tag(&planned(copies.clone()).await);
    assert_eq!(tag(&planned(copies.clone()).await), first);
    let others = [
        planned(copies.iter().rev().cloned()).await,
        planned(copies[..2].iter().cloned()).await,
        Concat::new()
            .fragment(FileSource::new(&copies[0]), "0".parse().ok())
            .fragment(FileSource::new(&copies[1]), "3".parse().ok())
            .fragment(FileSource::new(&copies[2]), "5".parse().ok())
            .plan()
            .await
            .expect("planned"),
    ];
    for other in &others {
        assert_ne!(tag(other), first);
    }
    // Touched: the same bytes, for all anybody knows others.
    let file = std::fs::File::options().append(true).open(&copies[1]);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
    file.and_then(|file| file.set_modified(later))
        .expect("touched");
    assert_ne!(tag(&planned(copies).await), first);
}

/// A fragment that changes under a client breaks its download; it never ends as if it were whole.
#[test]
fn a_changed_fragment_breaks_the_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("a1.mp4");
    std::fs::copy(fixture("a1.mp4"), &copy).expect("copied");
    let served = serve([fixture("a0.mp4"), copy.clone()]);
    std::fs::write(&copy, std::fs::read(fixture("a2.mp4")).expect("readable")).expect("written");
    let output = run("curl", &["--silent", "--output", "/dev/null", &served.url]);
    // 18: a part of the file came; 56: the connection broke.
    assert!(
        matches!(output.status.code(), Some(18 | 56)),
        "{:?}",
        output.status
    );
}
