//! Machines and stores that fail: nothing is lost, nothing is doubled, no litter stays.

use std::{
    process::Command,
    time::{Duration, SystemTime},
};

use media_concat_test_support::{fixtures::fixture_bytes, process::Process};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    place::{self, Place},
    postgres,
    process::{Server, until},
    trouble::{Trouble, sound},
};

const MIB: usize = 1 << 20;
const CREATE: &str = "/api/v1/artifacts/create";

async fn ask(
    base: &str,
    key: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
    headers: &[(&str, &str)],
) -> Option<place::Answer> {
    let request = place::client()
        .request(method, format!("{base}{path}"))
        .bearer_auth(key);
    let request = place::filled(request, body, headers);
    let answer = request.send().await.ok()?;
    Some(place::read(answer).await)
}

async fn ended(base: &str, key: &str, id: &str) -> Value {
    for _ in 0..600 {
        let path = format!("/api/v1/artifacts/{id}");
        let now = ask(base, key, Method::GET, &path, None, &[])
            .await
            .unwrap()
            .json();
        if matches!(
            now["status"].as_str(),
            Some("upload_completed" | "upload_failed")
        ) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} does not end");
}

/// The store fails the first three of every kind of request, and loses the answer to a completion.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_is_asked_again() {
    let place = Place::behind_proxy().await;
    let proxy = place.proxy();
    let trouble = Trouble::at([127, 0, 0, 1]).await;
    let mut worker = Process::start(place.command("worker").arg("--allow-private-addresses"));
    proxy.fail(3);
    let upload = place.upload_patiently("u.wav", sound(9 * MIB, 9)).await;
    let url = trouble.url("fine/a.wav");
    let mut made = Vec::new();
    for body in [
        json!({"name": "url", "type": "audio", "url": url}),
        json!({"name": "copy", "type": "audio", "s3Path": upload}),
        json!({"name": "join", "type": "audio", "fragments": [
            {"url": url, "startTime": 0}, {"s3Path": upload, "startTime": 98.303}]}),
        json!({"name": "small", "type": "video", "url": place.web.url("files/a0.mp4")}),
    ] {
        made.push(place.create(body).await);
    }
    let mut paths = Vec::new();
    for (index, created) in made.iter().enumerate() {
        let done = place.ended(created).await;
        assert_eq!(done["status"], "upload_completed", "{done}");
        let bytes = place.content(&done).await;
        assert_eq!(done["size"], json!(bytes.len()));
        match index {
            0 => assert!(bytes == sound(9 * MIB, 0)),
            1 => assert!(bytes == sound(9 * MIB, 9)),
            _ => {}
        }
        paths.push(done["s3Path"].as_str().unwrap().to_owned());
    }
    let kinds = proxy.kinds();
    for kind in [
        "GET",
        "POST uploads",
        "POST uploadId",
        "PUT",
        "PUT partNumber uploadId",
        "PUT partNumber uploadId copy",
    ] {
        assert!(
            kinds.iter().any(|known| known == kind),
            "{kind} was not asked for: {kinds:?}"
        );
    }
    proxy.fail(2);
    let path = format!("/api/v1/artifacts/{}", made[0]["id"].as_str().unwrap());
    let gone = place
        .request(Method::DELETE, &path, &place.key, None, &[])
        .await;
    assert_eq!(gone.status, 204);
    paths.remove(0);
    paths.push(
        upload
            .strip_prefix(&format!("s3://{}/", place::BUCKET))
            .unwrap()
            .to_owned(),
    );
    paths.sort();
    assert_eq!(place.objects(), paths);
    assert_eq!(place.litter(), [""; 0]);
    worker.kill();
    place.end().await;
}

/// A file system that is full: what does not fit fails and leaves nothing, what fits is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_what_does_not_fit() {
    let data = tempfile::tempdir().unwrap();
    let objects = data.path().join("objects");
    std::fs::create_dir(&objects).unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=8m tmpfs '{}' && exec \"$0\" \"$@\"",
        objects.display()
    );
    // A mount that only this process sees, and that ends with it.
    let mut before = vec!["unshare", "--mount"];
    if !postgres::is_root() {
        before.extend(["--user", "--map-root-user"]);
        let may = Command::new("unshare")
            .args(&before[1..])
            .arg("true")
            .status();
        if !may.is_ok_and(|status| status.success()) {
            eprintln!("not root, and no user namespaces: a full disk cannot be made");
            return;
        }
    }
    before.extend(["sh", "-c", &mount]);
    let trouble = Trouble::at([127, 0, 0, 1]).await;
    let mut server = Server::start(&before, data.path(), &["--attempts", "1"]);
    let (base, key) = (server.base.clone(), server.key.clone().expect("a key"));
    let create = async |name: &str, url: String, kind: &str| {
        let body = json!({"name": name, "type": kind, "url": url});
        let made = ask(&base, &key, Method::POST, CREATE, Some(body), &[])
            .await
            .unwrap();
        let id = made.json()["id"].as_str().unwrap().to_owned();
        ended(&base, &key, &id).await
    };
    let web = crate::web::Web::start().await;
    let failed = create("large", trouble.url("fine/a.wav"), "audio").await;
    assert_eq!(failed["status"], "upload_failed", "{failed}");
    let message = failed["errorMessage"].as_str().unwrap();
    assert!(
        message.ends_with("the artifact could not be stored: the store is full"),
        "{message}"
    );
    let fits = create("small", web.url("files/a0.mp4"), "video").await;
    assert_eq!(fits["status"], "upload_completed", "{fits}");
    // An upload that does not fit is told so, and is not there.
    let path = format!("{CREATE}?fileName=l.wav");
    let place = ask(&base, &key, Method::GET, &path, None, &[])
        .await
        .unwrap()
        .json();
    let url = place["presignedUploadUrl"].as_str().unwrap();
    let put = place::client()
        .put(url)
        .body(sound(9 * MIB, 1))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 507, "{}", put.text().await.unwrap());
    // Nothing of it takes up the room.
    let fits = create("again", trouble.url("half/a.wav"), "audio").await;
    assert_eq!(fits["status"], "upload_completed", "{fits}");
    server.process.kill();
}

/// Killed in the middle of creates and of an upload: every create that is sent again is one artifact,
/// and half an upload is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_and_doubles_nothing() {
    const COUNT: usize = 24;
    let data = tempfile::tempdir().unwrap();
    let web = crate::web::Web::start().await;
    let mut server = Server::start(&[], data.path(), &[]);
    let key = server.key.clone().expect("a key");
    let path = format!("{CREATE}?fileName=h.wav");
    let place = ask(&server.base, &key, Method::GET, &path, None, &[]);
    let place = place.await.unwrap().json();
    let url = place["presignedUploadUrl"].as_str().unwrap().to_owned();
    // An upload of which half has come.
    let (half, body) = futures::channel::mpsc::unbounded::<Result<Vec<u8>, std::io::Error>>();
    half.unbounded_send(Ok(sound(MIB, 0))).unwrap();
    let upload = tokio::spawn(
        place::client()
            .put(url)
            .body(reqwest::Body::wrap_stream(body))
            .send(),
    );
    let incoming = data.path().join("objects/.incoming");
    let files = || {
        std::fs::read_dir(&incoming)
            .unwrap()
            .flatten()
            .collect::<Vec<_>>()
    };
    until("the upload begins", || {
        files()
            .iter()
            .any(|file| file.metadata().is_ok_and(|it| it.len() > 0))
    })
    .await;
    let body = |index: usize| json!({"name": format!("k{index}"), "type": "video", "url": web.url("files/a0.mp4")});
    let (base, sent) = (server.base.clone(), std::sync::atomic::AtomicUsize::new(0));
    let creates = (0..COUNT).map(|index| {
        let (base, key, sent) = (&base, &key, &sent);
        async move {
            let repeat = format!("r{index}");
            let headers = [("idempotency-key", &*repeat)];
            let made = ask(base, key, Method::POST, CREATE, Some(body(index)), &headers).await;
            sent.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            made.map(|answer| answer.json()["id"].as_str().unwrap().to_owned())
        }
    });
    let killing = async {
        until("creates are answered", || {
            sent.load(std::sync::atomic::Ordering::SeqCst) > 4
        })
        .await;
        server.process.kill();
    };
    let (before, ()) = tokio::join!(futures::future::join_all(creates), killing);
    assert!(upload.await.unwrap().is_err());
    // As old as what nobody is going to finish. What is in folders are downloads that go on.
    let uploads = files().into_iter().filter(|file| file.path().is_file());
    for file in uploads {
        let file = std::fs::File::options()
            .write(true)
            .open(file.path())
            .unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3 * 86_400))
            .unwrap();
    }
    let mut server = Server::start(&[], data.path(), &[]);
    let base = server.base.clone();
    let mut ids = Vec::new();
    for (index, before) in before.into_iter().enumerate() {
        let repeat = format!("r{index}");
        let headers = [("idempotency-key", &*repeat)];
        let again = ask(
            &base,
            &key,
            Method::POST,
            CREATE,
            Some(body(index)),
            &headers,
        )
        .await;
        let id = again.unwrap().json()["id"].as_str().unwrap().to_owned();
        assert!(
            before.is_none_or(|before| before == id),
            "what was told is not so"
        );
        ids.push(id);
    }
    for id in &ids {
        assert_eq!(ended(&base, &key, id).await["status"], "upload_completed");
    }
    let all = ask(
        &base,
        &key,
        Method::GET,
        "/api/v1/artifacts?limit=100",
        None,
        &[],
    )
    .await
    .unwrap()
    .json();
    assert_eq!(all["items"].as_array().unwrap().len(), COUNT);
    until("the half upload is removed", || files().is_empty()).await;
    let objects = std::fs::read_dir(data.path().join("objects/uploads"))
        .unwrap()
        .count();
    assert_eq!(objects, COUNT);
    assert!(!data.path().join("objects/temp").exists());
    server.process.kill();
}

/// The database itself is killed and comes back while jobs run and creates come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_database_loses_nothing() {
    let database = tokio::task::spawn_blocking(postgres::own).await.unwrap();
    let place = Place::with_database(&database.url()).await;
    let mut worker = Process::start(place.command("worker").arg("--allow-private-addresses"));
    let slow = json!({"name": "s", "type": "video", "url": place.web.url("slow/b_pyramid.mp4")});
    let running = place.create(slow).await;
    place.taken(&running, || place.web.asked() > 0).await;
    let database = tokio::task::spawn_blocking(move || {
        let mut database = database;
        database.restart();
        database
    });
    let mut made = Vec::new();
    for index in 0..20 {
        let repeat = format!("d{index}");
        let body = json!({"name": repeat, "type": "video", "url": place.web.url("files/a0.mp4")});
        let headers = [("idempotency-key", &*repeat)];
        let end = std::time::Instant::now() + Duration::from_secs(120);
        loop {
            let answer = place
                .request(
                    Method::POST,
                    CREATE,
                    &place.key,
                    Some(body.clone()),
                    &headers,
                )
                .await;
            if answer.status.is_success() {
                made.push(answer.json());
                break;
            }
            // It says what it is, and that it passes.
            assert_eq!(answer.status, 503, "{}", answer.json());
            assert!(!answer.header("retry-after").is_empty());
            let now = std::time::Instant::now();
            assert!(now < end, "still after two minutes: {}", answer.json());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let database = database.await.unwrap();
    let done = place.ended(&running).await;
    assert_eq!(done["status"], "upload_completed", "{done}");
    assert!(place.content(&done).await == fixture_bytes("b_pyramid.mp4"));
    for created in &made {
        assert_eq!(place.ended(created).await["status"], "upload_completed");
    }
    assert_eq!(place.count("artifacts").await, 21);
    assert_eq!(place.objects().len(), 21);
    worker.kill();
    place.end().await;
    drop(database);
}
