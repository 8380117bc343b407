//! A foreign program, run once: its own process group, a time limit, an output limit, and an environment of what is listed.
//!
//! Threads feed and read it, so that neither side waits on a full pipe. Whatever happens, its whole group is ended before the
//! answer is used; a process that leaves the group on purpose (`setsid`) gets away, but its output is waited for no longer.

use crate::ports::PluginError;
use crate::render::escape::terminal;
use secrecy::{ExposeSecret, SecretString};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program that has ended may keep its output open: then a child of it holds it.
const GRACE: Duration = Duration::from_millis(500);
/// Lines of its stderr that are logged, and characters of each.
const LOGGED: (usize, usize) = (50, 500);

/// A program with its limits.
#[derive(Debug, Clone)]
pub struct Program {
    /// The plug-in's name, for the log.
    pub name: String,
    /// The program: a path, or a name looked up in PATH.
    pub program: PathBuf,
    /// Its arguments, given as they are: there is no shell.
    pub arguments: Vec<String>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Its whole environment. Values may be credentials of the program's own.
    pub environment: Vec<(String, SecretString)>,
    /// It is ended after this time.
    pub timeout: Duration,
    /// It is ended after more bytes than this on stdout, or on stderr.
    pub max_output: u64,
}

/// What the threads tell.
enum Event {
    Output(Vec<u8>),
    TooMuch(&'static str),
    Ended(std::io::Result<ExitStatus>),
    Quiet,
}

impl Program {
    /// Runs it: `input` on stdin, all of its stdout back. Blocks, at most for the time limit and a moment.
    ///
    /// # Errors
    /// [`PluginError`] for everything but an end with exit code 0 within the limits and without processes left behind.
    pub fn ask(&self, input: Vec<u8>) -> Result<Vec<u8>, PluginError> {
        let deadline = Instant::now() + self.timeout;
        let mut child = self.spawn()?;
        let group = child.id();
        let (events, heard) = mpsc::channel();
        let last_line = Arc::new(Mutex::new(String::new()));
        self.attend(&mut child, input, &events, &last_line);
        thread::spawn(move || events.send(Event::Ended(child.wait())));

        let (mut output, mut ended, mut quiet) = (None, None, false);
        let mut until = deadline;
        let failure = loop {
            if output.is_some() && ended.is_some() {
                break None;
            }
            match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Output(bytes)) => output = Some(bytes),
                Ok(Event::TooMuch(stream)) => {
                    let limit = self.max_output;
                    break Some(PluginError::TooMuchOutput { stream, limit });
                }
                Ok(Event::Ended(status)) => {
                    ended = Some(status);
                    until = deadline.min(Instant::now() + GRACE);
                }
                Ok(Event::Quiet) => quiet = true,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    break Some(match &ended {
                        Some(_) => PluginError::LeftChildren,
                        None => PluginError::TimedOut {
                            limit: self.timeout,
                        },
                    });
                }
            }
        };
        let some_were_left = end_group(group);
        let failed = match ended {
            Some(Ok(status)) if !status.success() => Some(status.to_string()),
            Some(Err(error)) => Some(format!("an unknown state ({error})")),
            _ => None,
        };
        // It may have ended because nobody read on: the limit is the cause.
        if let Some(failure @ PluginError::TooMuchOutput { .. }) = failure {
            return Err(failure);
        }
        if let Some(status) = failed {
            // Its last words may still be in the pipe.
            while !quiet {
                match heard.recv_timeout(GRACE) {
                    Ok(Event::TooMuch(stream)) => {
                        let limit = self.max_output;
                        return Err(PluginError::TooMuchOutput { stream, limit });
                    }
                    Ok(event) => quiet = matches!(event, Event::Quiet),
                    Err(_) => break,
                }
            }
            let last_line = last_line.lock().unwrap_or_else(PoisonError::into_inner);
            return Err(PluginError::Failed {
                status,
                last_line: last_line.clone(),
            });
        }
        match (failure, some_were_left) {
            (Some(failure), _) => Err(failure),
            (None, true) => Err(PluginError::LeftChildren),
            (None, false) => Ok(output.unwrap_or_default()),
        }
    }

    fn spawn(&self) -> Result<Child, PluginError> {
        Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(
                self.environment
                    .iter()
                    .map(|(name, value)| (name, value.expose_secret())),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| PluginError::NotStarted {
                program: self.program.display().to_string(),
                reason: error.to_string(),
            })
    }

    /// Feeds and reads it, each in a thread of its own.
    fn attend(
        &self,
        child: &mut Child,
        input: Vec<u8>,
        events: &Sender<Event>,
        last_line: &Arc<Mutex<String>>,
    ) {
        if let Some(mut stdin) = child.stdin.take() {
            // A program need not read all that it is told: that it stopped reading is no error.
            thread::spawn(move || stdin.write_all(&input));
        }
        let limit = self.max_output;
        if let Some(stdout) = child.stdout.take() {
            let events = events.clone();
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let read = stdout.take(limit.saturating_add(1)).read_to_end(&mut bytes);
                let event = if read.is_ok() && bytes.len() as u64 > limit {
                    Event::TooMuch("stdout")
                } else {
                    Event::Output(bytes)
                };
                events.send(event)
            });
        }
        if let Some(stderr) = child.stderr.take() {
            let (events, name) = (events.clone(), self.name.clone());
            let last_line = Arc::clone(last_line);
            thread::spawn(move || {
                let within = log(stderr, &name, limit, &last_line);
                events.send(if within {
                    Event::Quiet
                } else {
                    Event::TooMuch("stderr")
                })
            });
        }
    }
}

/// Logs lines as they come; whether it stayed within the limit.
fn log(mut stream: impl Read, name: &str, limit: u64, last_line: &Mutex<String>) -> bool {
    let (mut line, mut lines, mut total) = (Vec::new(), 0, 0);
    let mut buffer = [0; 8192];
    let mut tell = |line: &mut Vec<u8>| {
        let text: String = String::from_utf8_lossy(line)
            .trim_end()
            .chars()
            .take(LOGGED.1)
            .collect();
        line.clear();
        if text.is_empty() {
            return;
        }
        let text = terminal(&text);
        lines += 1;
        if lines <= LOGGED.0 {
            tracing::info!("plug-in {name}: {text}");
        }
        *last_line.lock().unwrap_or_else(PoisonError::into_inner) = text;
    };
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        total += read as u64;
        if total > limit {
            return false;
        }
        for byte in &buffer[..read] {
            if *byte == b'\n' {
                tell(&mut line);
            } else if line.len() < LOGGED.1 * 4 {
                line.push(*byte);
            }
        }
    }
    tell(&mut line);
    true
}

/// Ends a process group at once; whether there was one. Signals need either unsafe code or a program that sends them: the
/// shell's own `kill`, or the program of that name where there is no shell.
fn end_group(group: u32) -> bool {
    let group = format!("-{group}");
    let quietly = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .arg(&group)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    quietly("/bin/sh", &["-c", "kill -s KILL -- \"$1\"", "sh"])
        .or_else(|_| quietly("kill", &["-s", "KILL", "--"]))
        .map(|status| status.success())
        .unwrap_or_else(|error| {
            tracing::warn!(
                "processes of a plug-in can't be ended, there is neither sh nor kill: {error}"
            );
            false
        })
}
