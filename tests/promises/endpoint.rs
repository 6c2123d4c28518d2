//! An HTTP server on this host that behaves as it is told: well, badly, or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Long enough for a machine that is busy: what is awaited comes, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How one connection is answered.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// With these bytes, and the end of the connection.
    Bytes(&'static [u8]),
    /// With these bytes over and over, as long as anybody takes them.
    Endless(&'static [u8]),
    /// With one more byte of a head that never ends, ten times a second.
    Drip,
    /// Not before the test says so.
    Never,
}

pub const OK: Answer = Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
pub const FAILS: Answer = Answer::Bytes(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");

/// What somebody has sent.
#[derive(Debug)]
pub struct Request {
    /// The first line.
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    /// The value of a header; it must be there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("no {name} in {self:?}"));
        assert!(found.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }
}

/// The server. It goes on until the test process ends.
pub struct Endpoint {
    port: u16,
    requests: Receiver<Request>,
    release: Sender<()>,
}

impl Endpoint {
    /// Answers its connections one way after another, and all further ones in the last way.
    pub fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, requests) = channel();
        let (release, released) = channel();
        let mut answers = answers.to_vec();
        answers.reverse();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let answer =
                    if answers.len() > 1 { answers.pop() } else { answers.last().copied() };
                // Whoever goes away has its reasons.
                let _ = serve(connection.unwrap(), answer.unwrap(), &heard, &released);
            }
        });
        Self { port, requests, release }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook/T0K3N-IN-PATH", self.port)
    }

    /// The next request.
    #[track_caller]
    pub fn request(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("nobody sent anything")
    }

    /// Whether there was none that was not taken.
    pub fn is_quiet(&self) -> bool {
        self.requests.try_recv().is_err()
    }

    /// Lets one [`Answer::Never`] end.
    pub fn let_go(&self) {
        self.release.send(()).unwrap();
    }
}

fn serve(
    connection: TcpStream,
    answer: Answer,
    heard: &Sender<Request>,
    released: &Receiver<()>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();
    let _ = heard.send(Request { line: line.trim_end().to_owned(), headers, body });
    let mut connection = connection;
    match answer {
        Answer::Bytes(bytes) => connection.write_all(bytes)?,
        Answer::Endless(bytes) => loop {
            connection.write_all(bytes)?;
        },
        Answer::Drip => {
            connection.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ")?;
            loop {
                connection.write_all(b"x")?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        Answer::Never => {
            let _ = released.recv();
        }
    }
    Ok(())
}
