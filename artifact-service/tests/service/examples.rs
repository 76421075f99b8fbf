//! The reference's examples, as they are written there, but for host and key: curl, Node and Python.

use std::process::Command;

use artifact_service::{ids, keys};
use media_concat_test_support::fixtures::fixture_bytes;
use serde_json::Value;

use crate::place::{BUCKET, Place};

const CURL: &str = r#"curl -sS -X POST \
  https://studio.dubformer.ai/api/v1/artifacts/create \
  -H 'Authorization: Bearer YOUR_API_KEY' \
  -H 'Content-Type: application/json' \
  -d '{
    "name": "My Source Video",
    "type": "video",
    "s3Path": "s3://dubformer-artifacts/temp/550e8400-e29b-41d4-a716-446655440000/video.mp4"
  }'"#;

const CURL_EXTERNAL: &str = r#"curl -sS -X POST \
  https://studio.dubformer.ai/api/v1/artifacts/create \
  -H 'Authorization: Bearer YOUR_API_KEY' \
  -H 'Content-Type: application/json' \
  -d '{
    "name": "Archive Video",
    "type": "video",
    "s3Path": "s3://my-company-bucket/recordings/meeting-2024.mp4"
  }'"#;

const NODE: &str = r"
const response = await fetch(
  'https://studio.dubformer.ai/api/v1/artifacts/create',
  {
    method: 'POST',
    headers: {
      'Authorization': 'Bearer YOUR_API_KEY',
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      name: 'My Source Video',
      type: 'video',
      s3Path: 's3://dubformer-artifacts/temp/550e8400-e29b-41d4-a716-446655440000/video.mp4'
    })
  }
);

const artifact = await response.json();
console.log(JSON.stringify(artifact));
";

const PYTHON: &str = r"
import requests

response = requests.post(
    'https://studio.dubformer.ai/api/v1/artifacts/create',
    headers={
        'Authorization': 'Bearer YOUR_API_KEY',
        'Content-Type': 'application/json'
    },
    json={
        'name': 'My Source Video',
        'type': 'video',
        's3Path': 's3://dubformer-artifacts/temp/550e8400-e29b-41d4-a716-446655440000/video.mp4'
    }
)

artifact = response.json()
import json; print(json.dumps(artifact))
";

async fn run(place: &Place, program: &[&str], example: &str) -> Value {
    let example = example
        .replace("https://studio.dubformer.ai", &place.base)
        .replace("YOUR_API_KEY", &place.key);
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(example);
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let ran = ran.expect("it ends").expect("it runs");
    let (told, failed) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    let found = serde_json::from_str(&told);
    found.unwrap_or_else(|error| panic!("{program:?}: {error}: {told} {failed}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_reference_run() {
    let place = Place::shared().await;
    let store = place.store().expect("an object store");
    // What the examples take for granted: the upload has happened, the credentials are there.
    let upload = "temp/550e8400-e29b-41d4-a716-446655440000/video.mp4";
    for (bucket, key) in [
        (BUCKET, upload),
        ("my-company-bucket", "recordings/meeting-2024.mp4"),
    ] {
        let path = store.folder().join(bucket).join(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, fixture_bytes("a0.mp4")).expect("a file");
    }
    sqlx::query(
        "INSERT INTO uploads (s3_path, company_id, created_at, expires_at) \
         SELECT $1, company_id, $2, $3 FROM api_keys",
    )
    .bind(upload)
    .bind(ids::now())
    .bind(ids::now() + 86_400_000)
    .execute(&place.db().pool)
    .await
    .expect("an upload");
    let (access, secret) = store.keys();
    let credentials = keys::S3Credentials {
        access_key: access.to_owned(),
        secret: secret.to_owned(),
        region: None,
        endpoint: Some(store.endpoint()),
    };
    let master = place.settings().master;
    keys::set_s3(place.db(), &master, &place.key_id, &credentials)
        .await
        .expect("credentials");
    let node = ["node", "--input-type=module", "-e"];
    for (program, example) in [
        (&["sh", "-c"][..], CURL),
        (&["sh", "-c"][..], CURL_EXTERNAL),
        (&node[..], NODE),
        (&["python3", "-c"][..], PYTHON),
    ] {
        let created = run(&place, program, example).await;
        assert_eq!(created["status"], "created", "{created}");
        let done = place.ended(&created).await;
        assert_eq!(done["status"], "upload_completed", "{done}");
        assert!(place.content(&done).await == fixture_bytes("a0.mp4"));
    }
    place.end().await;
}
