//! What the contract says, row by row.

use media_concat_test_support::{ffmpeg, fixtures::fixture_bytes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{place::Place, suite, trouble::sound};

const CREATE: &str = "/api/v1/artifacts/create";

fn is_id(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// As the contract writes a checksum.
fn sum(bytes: &[u8]) -> Value {
    json!(format!("sha256:{}", artifact_service::ids::sha256(bytes)))
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with('Z') && &text[10..11] == "T" && &text[19..20] == "."
}

suite! {
    /// The whole artifact at once, then its bytes, its size and its duration.
    async fn a_url_becomes_an_artifact(place: &Place) {
        let body = json!({"name": "Marketing Video", "type": "video",
            "url": place.web.url("files/a0.mp4")});
        let created = place.create(body).await;
        assert!(is_id(&created["id"]) && is_id(&created["company"]["id"]), "{created}");
        assert!(is_time(&created["createdAt"]) && is_time(&created["updatedAt"]), "{created}");
        let id = created["id"].as_str().unwrap();
        let path = format!("uploads/{id}/a0.mp4");
        for (field, value) in [
            ("name", json!("Marketing Video")), ("type", json!("video")),
            ("status", json!("created")), ("uploadMethod", json!("direct_url")),
            ("size", Value::Null), ("duration", Value::Null), ("errorMessage", Value::Null),
            ("s3Path", json!(path)), ("s3Bucket", json!("dubformer-artifacts")),
        ] {
            assert_eq!(created[field], value, "{field}");
        }
        assert_eq!(created["company"]["name"], "Acme Inc");
        assert_eq!(created["createdBy"]["name"], "John Doe");
        let done = place.ended(&created).await;
        let bytes = fixture_bytes("a0.mp4");
        assert_eq!(done["status"], "upload_completed", "{done}");
        assert_eq!((&done["size"], &done["duration"]), (&json!(bytes.len()), &json!(2.0)));
        assert_eq!(done["progress"], json!(1.0));
        let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&created), fields(&done));
        assert_eq!((&created["checksum"], &done["checksum"]), (&Value::Null, &sum(&bytes)));
        assert!(place.content(&done).await == bytes);
        assert_eq!(place.objects(), [path]);
    }

    /// A presigned upload is copied in the store, and only its owner finds it.
    async fn an_upload_becomes_an_artifact(place: &Place) {
        let path = place.upload("my%20clip.mp4", fixture_bytes("a0.mp4").into()).await;
        assert!(path.starts_with("s3://dubformer-artifacts/temp/"), "{path}");
        let body = json!({"name": "u", "type": "video", "s3Path": path});
        let done = place.create(body.clone()).await;
        let done = place.ended(&done).await;
        assert_eq!(done["status"], "upload_completed", "{done}");
        assert!(place.content(&done).await == fixture_bytes("a0.mp4"));
        let other = place.another_key("Other Inc").await;
        let refused = place.request(Method::POST, CREATE, &other, Some(body), &[]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
        assert_eq!(refused.json()["errors"][0]["field"], "s3Path");
    }

    /// Of what is uploaded in parts, of what the store copies, and of what is partly both.
    async fn large_artifacts_have_checksums(place: &Place) {
        const MIB: usize = 1 << 20;
        let (one, other) = (sound(11 * MIB, 3), sound(8 * MIB, 9));
        let url = place.web.put("one.wav", one.clone());
        let (upload, second) = (place.upload("one.wav", one.clone()).await,
            place.upload("other.wav", other).await);
        let made = async |content: (&str, Value)| {
            let mut body = json!({"name": "large", "type": "audio"});
            body[content.0] = content.1;
            let done = place.ended(&place.create(body).await).await;
            assert_eq!(done["status"], "upload_completed", "{done}");
            done
        };
        for content in [("url", json!(url)), ("s3Path", json!(upload))] {
            let done = made(content).await;
            assert_eq!(done["checksum"], sum(&one));
            assert!(place.content(&done).await == one);
        }
        let list = json!([{"s3Path": upload, "startTime": 0}, {"s3Path": second, "startTime": 130}]);
        let done = made(("fragments", list)).await;
        if place.store().is_some() {
            assert!(done["report"]["bytesCopiedServerSide"].as_u64() > Some(5 << 20), "{done}");
        }
        assert_eq!(done["checksum"], sum(&place.content(&done).await));
    }

    /// Joined by the library, report and all.
    async fn fragments_become_an_artifact(place: &Place) {
        let upload = place.upload("a1.mp4", fixture_bytes("a1.mp4").into()).await;
        let created = place.create(json!({"name": "joined", "type": "video", "fragments": [
            {"url": place.web.url("files/a0.mp4"), "startTime": 0},
            {"s3Path": upload, "startTime": 2},
            {"url": place.web.url("files/a2.mp4"), "startTime": 4.5},
        ]})).await;
        assert_eq!(created["uploadMethod"], "fragments");
        let done = place.ended(&created).await;
        assert_eq!(done["status"], "upload_completed", "{done}");
        assert_eq!(done["duration"], json!(6.5));
        assert_eq!(done["report"]["seams"].as_array().unwrap().len(), 2);
        let bytes = place.content(&done).await;
        assert_eq!(done["size"], json!(bytes.len()));
        assert_eq!(done["checksum"], sum(&bytes));
    }

    /// The library's sentence, with the fragment, the rule and both values.
    async fn fragments_that_do_not_fit_are_named(place: &Place) {
        let created = place.create(json!({"name": "x", "type": "video", "fragments": [
            {"url": place.web.url("files/a0.mp4"), "startTime": 0},
            {"url": place.web.url("files/h_res.mp4"), "startTime": 2},
        ]})).await;
        let done = place.ended(&created).await;
        assert_eq!(done["status"], "upload_failed");
        let message = done["errorMessage"].as_str().unwrap();
        for part in ["fragment 1", "resolution", "640x360", "320x180"] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(place.objects(), [""; 0]);
    }

    async fn the_type_is_checked(place: &Place) {
        for (kind, file, good) in [
            ("video", "aac0.m4a", false), ("audio", "aac0.m4a", true), ("audio", "a0.mp4", false),
            ("script", "a0.mp4", false),
        ] {
            let body = json!({"name": "t", "type": kind, "url": place.web.url(&format!("files/{file}"))});
            let done = place.create(body).await;
            let done = place.ended(&done).await;
            let status = if good { "upload_completed" } else { "upload_failed" };
            assert_eq!(done["status"], status, "{kind} {file}: {done}");
            assert_eq!(done["errorMessage"].is_null(), good);
        }
        let body = json!({"name": "w", "type": "audio", "url": place.web.url("wav")});
        let done = place.create(body).await;
        let done = place.ended(&done).await;
        assert_eq!((&done["status"], &done["duration"]), (&json!("upload_completed"), &json!(0.5)));
        let body = json!({"name": "s", "type": "script", "url": place.web.url("text")});
        let done = place.create(body).await;
        let done = place.ended(&done).await;
        assert_eq!((&done["status"], &done["duration"]), (&json!("upload_completed"), &Value::Null));
    }

    /// Whatever the library reads is known by what is in it: cover art is not video, and a name or a
    /// `Content-Type` says nothing.
    async fn every_container_is_probed(place: &Place) {
        let sine = "-f lavfi -i sine=d=1.5:r=48000";
        let both = format!("{sine} -f lavfi -i testsrc=s=64x64:d=1.5:r=25 -shortest -g 25");
        let cover = format!("{sine} -f lavfi -i color=s=64x64:d=0.04 -map 0 -map 1 -c:v png \
             -disposition:v attached_pic");
        let mut made = Vec::new();
        for (name, options, kind, other, slack) in [
            ("a.mp3", &*cover, "audio", "video", 30_i64), ("a.flac", &cover, "audio", "video", 0),
            ("b.mp3", &format!("{sine} -write_xing 0 -id3v2_version 0"), "audio", "video", 80),
            ("a.m4a", &cover, "audio", "video", 30), ("a.aac", sine, "audio", "video", 50),
            ("a.ogg", &format!("{sine} -c:a libopus"), "audio", "video", 30),
            ("a.mka", sine, "audio", "video", 30),
            ("a.mkv", &format!("{both} -c:v libx264 -c:a aac"), "video", "audio", 40),
            ("a.webm", &format!("{both} -c:v libvpx -c:a libopus"), "video", "audio", 40),
            ("a.ts", &format!("{both} -c:v libx264 -c:a aac"), "video", "script", 60),
            ("a.mov", &format!("{both} -c:v mpeg4 -c:a pcm_s16le"), "video", "audio", 40),
        ] {
            let bytes = ffmpeg::made(name, options);
            let url = place.web.put(name, bytes.clone());
            for (kind, good) in [(kind, true), (other, false)] {
                let body = json!({"name": name, "type": kind, "url": url});
                made.push((name, kind, good, slack, bytes.clone(), place.create(body).await));
            }
        }
        for (name, kind, good, slack, bytes, created) in made {
            let done = place.ended(&created).await;
            if !good {
                assert_eq!(done["status"], "upload_failed", "{name} {kind}: {done}");
                continue;
            }
            assert_eq!(done["status"], "upload_completed", "{name} {kind}: {done}");
            let millis = (done["duration"].as_f64().unwrap() * 1e3) as i64;
            assert!((millis - 1_500).abs() <= slack, "{name}: {millis} ms");
            assert!(place.content(&done).await == bytes, "{name}");
        }
    }

    /// Every invalid field in one answer, as RFC 9457 writes it.
    async fn what_is_wrong_is_told_whole(place: &Place) {
        let body = json!({"name": 5, "type": "film", "url": "ftp://x"});
        let answer = place.request(Method::POST, CREATE, &place.key, Some(body), &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let told = answer.json();
        assert_eq!(told["code"], "invalid_request");
        let fields: Vec<_> = told["errors"].as_array().unwrap().iter().map(|one| &one["field"]).collect();
        assert_eq!(fields, ["name", "type", "url"]);
        let unknown = place.request(Method::GET, "/api/v1/artifacts", "mc_wrong", None, &[]).await;
        assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
        let none = place.request(Method::GET, "/api/v1/artifacts", "", None, &[]).await;
        assert_eq!(none.json()["code"], "unauthorized");
        let there = place.get("/api/v1/artifacts/000000000000000000000000").await;
        assert_eq!(there.status, StatusCode::NOT_FOUND);
    }

    async fn the_same_request_twice_is_one_artifact(place: &Place) {
        let body = json!({"name": "once", "type": "video", "url": place.web.url("files/a0.mp4")});
        let again = [("idempotency-key", "one")];
        let post = |body: Value| place.request(Method::POST, CREATE, &place.key, Some(body), &again);
        let (one, two) = tokio::join!(post(body.clone()), post(body.clone()));
        assert_eq!(one.json()["id"], two.json()["id"]);
        let mut other = body;
        other["name"] = json!("twice");
        let refused = post(other).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(refused.json()["code"], "idempotency_conflict");
        let all = place.get("/api/v1/artifacts").await.json();
        assert_eq!(all["items"].as_array().unwrap().len(), 1);
    }

    /// Newest first, page by page, filtered, and nobody else's.
    async fn lists_are_paged(place: &Place) {
        for index in 0..5 {
            let body = json!({"name": format!("a{index}"), "type": "video",
                "url": place.web.url("files/a0.mp4")});
            let done = place.create(body).await;
            place.ended(&done).await;
        }
        let mut names = Vec::new();
        let mut path = "/api/v1/artifacts?limit=2&status=upload_completed&type=video".to_owned();
        // Three pages, unless a cursor leads back.
        for pages in 0.. {
            assert!(pages < 3, "another page after {names:?}: {path}");
            let page = place.get(&path).await.json();
            let items = page["items"].as_array().unwrap();
            names.extend(items.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/api/v1/artifacts?limit=2&cursor={cursor}");
        }
        assert_eq!(names, ["a4", "a3", "a2", "a1", "a0"]);
        let none = place.get("/api/v1/artifacts?status=upload_failed").await.json();
        assert_eq!(none["items"], json!([]));
        let twice = place.get("/api/v1/artifacts?type=video&type=audio").await;
        assert_eq!(twice.header("content-type"), "application/problem+json");
        let nowhere = place.get("/api/v1/artifacts?cursor=!").await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
        let wrong = place.get("/api/v1/artifacts?limit=0&status=x&type=y").await;
        assert_eq!(wrong.json()["errors"].as_array().unwrap().len(), 3);
        let other = place.another_key("Other Inc").await;
        let theirs = place.request(Method::GET, "/api/v1/artifacts", &other, None, &[]).await;
        assert_eq!(theirs.json()["items"], json!([]));
    }

    async fn a_deleted_artifact_leaves_nothing(place: &Place) {
        let body = json!({"name": "gone", "type": "video", "url": place.web.url("files/a0.mp4")});
        let done = place.create(body).await;
        let done = place.ended(&done).await;
        let path = format!("/api/v1/artifacts/{}", done["id"].as_str().unwrap());
        let other = place.another_key("Other Inc").await;
        let theirs = place.request(Method::DELETE, &path, &other, None, &[]).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        let gone = place.request(Method::DELETE, &path, &place.key, None, &[]).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(place.get(&path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(place.objects(), [""; 0]);
    }

    /// Deleting what runs cancels it.
    async fn a_running_job_is_cancelled(place: &Place) {
        let body = json!({"name": "slow", "type": "video", "url": place.web.url("slow/long.mp4")});
        let created = place.create(body).await;
        let path = format!("/api/v1/artifacts/{}", created["id"].as_str().unwrap());
        place.taken(&created, || place.web.asked() > 0).await;
        let gone = place.request(Method::DELETE, &path, &place.key, None, &[]).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(place.objects(), [""; 0]);
    }

    /// The states in order, over a stream that ends with the artifact.
    async fn events_follow_an_artifact(place: &Place) {
        let body = json!({"name": "e", "type": "video", "url": place.web.url("slow/b_pyramid.mp4")});
        let created = place.create(body).await;
        let path = format!("/api/v1/artifacts/{}/events", created["id"].as_str().unwrap());
        let request = place.client.get(format!("{}{path}", place.base)).bearer_auth(&place.key);
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        let all = async {
            while let Some(piece) = answer.chunk().await.unwrap() {
                text.push_str(std::str::from_utf8(&piece).unwrap());
            }
        };
        let ended = tokio::time::timeout(crate::process::PATIENCE, all).await;
        assert!(ended.is_ok(), "the stream goes on: {text}");
        let states: Vec<Value> = text.lines().filter_map(|line| line.strip_prefix("data: "))
            .filter_map(|data| serde_json::from_str(data).ok()).collect();
        assert_eq!(states.last().unwrap()["status"], "upload_completed", "{text}");
        let progress: Vec<_> = states.iter().map(|state| state["progress"].as_f64().unwrap()).collect();
        assert!(progress.is_sorted(), "{progress:?}");
    }

    async fn it_says_how_it_is(place: &Place) {
        assert_eq!(place.get("/healthz").await.status, StatusCode::OK);
        let ready = place.get("/readyz").await;
        assert_eq!(ready.json(), json!({"database": true, "store": true, "stopping": false}));
        assert_eq!(place.get("/metrics").await.status, StatusCode::OK);
        assert_eq!(place.get("/openapi.json").await.status, StatusCode::OK);
        assert_eq!(place.get("/").await.status, StatusCode::OK);
    }

    /// A cookie that no script reads, and a token without which it changes nothing.
    async fn a_session_signs_in_a_page(place: &Place) {
        let body = json!({"apiKey": place.key});
        let foreign = [("sec-fetch-site", "cross-site")];
        let post = |headers| place.request(Method::POST, "/session", "", Some(body.clone()), headers);
        assert_eq!(post(&foreign).await.status, StatusCode::FORBIDDEN);
        let signed = post(&[]).await;
        assert_eq!(signed.status, StatusCode::CREATED);
        let cookie = signed.header("set-cookie");
        for part in ["HttpOnly", "SameSite=Strict"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap();
        let token = signed.json()["csrfToken"].as_str().unwrap().to_owned();
        let body = json!({"name": "c", "type": "video", "url": place.web.url("files/a0.mp4")});
        let without = [("cookie", cookie)];
        let refused = place.request(Method::POST, CREATE, "", Some(body.clone()), &without).await;
        assert_eq!(refused.json()["code"], "csrf");
        let with = [("cookie", cookie), ("x-csrf-token", &*token)];
        let made = place.request(Method::POST, CREATE, "", Some(body), &with).await;
        assert_eq!(made.status, StatusCode::CREATED);
        let out = place.request(Method::DELETE, "/session", "", None, &without).await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
        let after = place.request(Method::GET, "/api/v1/me", "", None, &without).await;
        assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    }

    /// What the dashboard asks of a fragment before there is an artifact.
    async fn a_file_is_probed(place: &Place) {
        let probe = |key: &str, body: Value| {
            let key = key.to_owned();
            async move { place.request(Method::POST, "/session/probe", &key, Some(body), &[]).await }
        };
        let upload = place.upload("a1.mp4", fixture_bytes("a1.mp4").into()).await;
        for body in [json!({"url": place.web.url("files/a0.mp4")}), json!({"s3Path": upload})] {
            let found = probe(&place.key, body).await;
            assert_eq!(found.status, StatusCode::OK, "{}", found.json());
            let found = found.json();
            assert_eq!(found["duration"], json!(2.0));
            assert_eq!(found["tracks"][0], json!({"kind": "video", "format": "h264 320x180"}));
        }
        let missing = probe(&place.key, json!({"url": place.web.url("missing")})).await;
        assert_eq!(missing.json()["code"], "unreadable");
        let detail = missing.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("cannot be read: ") && detail.contains("404"), "{detail}");
        for (body, code) in [
            (json!({}), "source_missing"), (json!({"url": "ftp://a/b"}), "scheme"),
            (json!({"s3Path": "a/b"}), "not_an_s3_path"),
        ] {
            assert_eq!(probe(&place.key, body).await.json()["errors"][0]["code"], code);
        }
        let other = place.another_key("Other Inc").await;
        let theirs = probe(&other, json!({"s3Path": upload})).await;
        assert_eq!(theirs.status, StatusCode::NOT_FOUND);
        let nobody = probe("", json!({"s3Path": upload})).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    }
}

/// The same with a store whose bucket is a host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_may_be_a_host() {
    let place = Place::virtual_host().await;
    let host = format!("http://{}.localhost:", crate::place::BUCKET);
    let given = place.get("/api/v1/artifacts/create?fileName=a.mp4").await;
    let url = given.json()["presignedUploadUrl"].to_string();
    assert!(url.contains(&host), "{url}");
    a_url_becomes_an_artifact(&place).await;
    large_artifacts_have_checksums(&place).await;
    let ready = place.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    place.end().await;
}
