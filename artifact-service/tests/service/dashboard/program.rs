//! The program itself, as an operator starts it, and its API beside the browser.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use media_concat_test_support::process::{Process, free_port};
use serde_json::Value;
use tempfile::TempDir;

use super::CREATE;
use crate::browser::call;

/// `artifact-service serve`, as it is started without settings.
pub(crate) struct Service {
    program: Process,
    pub(crate) folder: TempDir,
    pub(crate) address: String,
    pub(crate) key: String,
}

fn serve(data: &std::path::Path, address: &str) -> (Process, String, Option<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artifact-service"));
    command
        .args(["serve", "--allow-private-addresses", "--grace-seconds", "1"])
        .args(["--listen", address])
        .arg("--data")
        .arg(data)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut program = Process::start(&mut command);
    let (mut key, told) = (None, BufReader::new(program.0.stdout.take().unwrap()));
    let address = told.lines().map_while(Result::ok).find_map(|line| {
        if let Some((_, made)) = line.split_once("shown this once: ") {
            key = Some(made.to_owned());
        }
        let (_, address) = line.split_once("listening on http://")?;
        Some(address.to_owned())
    });
    (program, address.expect("it listens"), key)
}

impl Service {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It starts again at the same address, which nobody else may get meanwhile.
        let address = format!("127.0.0.1:{}", free_port());
        let (program, address, key) = serve(folder.path(), &address);
        let key = key.expect("the first start shows a key");
        Self {
            program,
            folder,
            address,
            key,
        }
    }

    pub(crate) fn restart(&mut self) {
        self.program.kill();
        self.program = serve(self.folder.path(), &self.address).0;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn another_key(&self, company: &str) -> String {
        let mut program = Command::new(env!("CARGO_BIN_EXE_artifact-service"));
        program.args([
            "keys",
            "create",
            "--company",
            company,
            "--user",
            "Eve",
            "--data",
        ]);
        let ran = program.arg(self.folder.path()).output().unwrap();
        let told = String::from_utf8(ran.stdout).unwrap();
        told.trim().rsplit(' ').next().unwrap().to_owned()
    }

    pub(crate) fn api(&self, key: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", &*bearer)];
        let (status, text) = call(&self.address, method, path, &headers, body);
        assert!(status < 300, "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn create(&self, body: &Value) -> String {
        let made = self.api(&self.key, "POST", CREATE, Some(body));
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn ended(&self, id: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let now = self.api(&self.key, "GET", &format!("/api/v1/artifacts/{id}"), None);
            if !["created", "upload_started"]
                .map(Value::from)
                .contains(&now["status"])
            {
                return now;
            }
            assert!(Instant::now() < end, "{now} does not end");
            std::thread::sleep(Duration::from_millis(40));
        }
    }
}
