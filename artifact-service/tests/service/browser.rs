//! Headless Chromium, driven over WebDriver as a person would drive it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use media_concat_test_support::process::Process;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";
pub(crate) const RIGHT: &str = "\u{e014}";

/// One request on a connection of its own: its status and its body.
pub(crate) fn call(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> (u16, String) {
    let body = body.map(ToString::to_string).unwrap_or_default();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    request += &format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .unwrap();
    // The driver keeps connections open, whatever it is asked.
    stream.set_read_timeout(Some(4 * PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        } else if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        } else {
            break;
        }
    }
    let mut body = String::new();
    let mut reader = reader.take(length.unwrap_or(u64::MAX));
    reader.read_to_string(&mut body).unwrap();
    (status, body)
}

/// A browser that ends with the test.
pub(crate) struct Browser {
    driver: Process,
    address: String,
    session: String,
    _home: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut driver = Process::start(&mut command);
        let told = BufReader::new(driver.0.stdout.take().unwrap());
        let port = told.lines().map_while(Result::ok).find_map(|line| {
            let port = line.strip_suffix('.')?.rsplit_once("on port ")?.1;
            port.parse::<u16>().ok()
        });
        let address = format!("127.0.0.1:{}", port.expect("a port"));
        let options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
            "--autoplay-policy=no-user-gesture-required", "--window-size=1280,900",
        ]});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let mut browser = Self {
            driver,
            address,
            session: String::new(),
            _home: home,
        };
        let made = browser.ask("POST", "/session", Some(&wanted));
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        browser.size(1280, 900);
        browser
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, text) = call(&self.address, method, path, &[], body);
        assert_eq!(status, 200, "{path}: {text}");
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        answer["value"].take()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask(
            "POST",
            &format!("/session/{}/{path}", self.session),
            Some(body),
        )
    }

    /// The protocol underneath, for what WebDriver has no word for.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) {
        self.post(
            "goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        );
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    pub(crate) fn go(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// What a function body returns.
    pub(crate) fn run(&self, code: &str) -> Value {
        self.post("execute/sync", &json!({"script": code, "args": []}))
    }

    /// What an expression is.
    pub(crate) fn see(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"))
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.see(&format!("Boolean({expression})")) != true {
            if Instant::now() > end {
                let page = self.see("document.body.innerText");
                self.picture("failed");
                panic!("never: {expression}\n{page}\n{:?}", self.complaints());
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Waits for a text in an element.
    pub(crate) fn wait_for(&self, css: &str, text: &str) {
        let (css, text) = (json!(css), json!(text));
        self.wait(&format!(
            "[...document.querySelectorAll({css})].some((one) => one.innerText.includes({text}))"
        ));
    }

    fn find(&self, css: &str) -> String {
        let found = self.post("element", &json!({"using": "css selector", "value": css}));
        let id = found.as_object().and_then(|found| found.values().next());
        id.and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {css}"))
            .to_owned()
    }

    pub(crate) fn click(&self, css: &str) {
        let id = self.find(css);
        self.post(&format!("element/{id}/click"), &json!({}));
    }

    /// Types into an element, or names a file to it.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let id = self.find(css);
        if self.see(&format!("document.querySelector({}).type", json!(css))) != "file" {
            self.post(&format!("element/{id}/clear"), &json!({}));
        }
        self.post(&format!("element/{id}/value"), &json!({"text": text}));
    }

    pub(crate) fn choose(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value=\"{value}\"]"));
    }

    /// Presses keys, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
            })
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.post("actions", &json!({"actions": [keyboard]}));
    }

    /// What scripts and the page's policy complained about: nothing.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let lines = self.post("se/log", &json!({"type": "browser"}));
        let said = lines.as_array().into_iter().flatten().filter(|line| {
            let source = line["source"].as_str().unwrap_or_default();
            matches!(source, "javascript" | "security" | "console-api")
        });
        said.map(ToString::to_string).collect()
    }

    /// A picture of the page in the folder `DASHBOARD_PICTURES`, where that is set.
    pub(crate) fn picture(&self, name: &str) {
        let Ok(folder) = std::env::var("DASHBOARD_PICTURES") else {
            return;
        };
        use base64::{Engine, engine::general_purpose::STANDARD};
        let path = format!("/session/{}/screenshot", self.session);
        let taken = self.ask("GET", &path, None);
        let bytes = STANDARD.decode(taken.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(format!("{folder}/{name}.png"), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser; killed, it would leave it behind.
        if TcpStream::connect(&self.address).is_ok() {
            let path = format!("/session/{}", self.session);
            call(&self.address, "DELETE", &path, &[], None);
        }
        self.driver.kill();
    }
}
