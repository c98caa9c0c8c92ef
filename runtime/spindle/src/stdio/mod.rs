//! Guests' standard output and error, line by line.
//!
//! Lines of all guests go to one thread that writes them: a line is never mixed with another, and a slow terminal never
//! holds up a request. Each component has a share of the lines that may wait. What is beyond it is dropped and counted,
//! and the log says how many as soon as there is room again.

mod sink;
mod stream;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::sink::{LogFile, Own, Queue, Sink};
pub(crate) use self::stream::Stream;

/// The most bytes that are written at once.
const LARGEST_WRITE: usize = 64 * 1024;

/// How much output is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputLimits {
    /// Lines of one component that may wait to be written.
    pub(crate) waiting_lines: usize,
    /// A longer line is broken into several.
    pub(crate) line: usize,
    /// A larger file is renamed, and another begun.
    pub(crate) file: u64,
}

enum Message {
    Line(Arc<Sink>, Vec<u8>),
    Flush(SyncSender<()>),
}

/// The thread that writes.
#[derive(Clone)]
pub(crate) struct Writer {
    sender: Sender<Message>,
    limits: OutputLimits,
}

impl Writer {
    /// Starts the thread, which calls `tell` with a component and how many of its lines were dropped.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(limits: OutputLimits, tell: impl Fn(&str, u64) + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new().name("spindle-output".to_owned()).spawn(move || {
            let mut batch = Batch { sink: None, lines: Vec::new(), count: 0, tell };
            while let Ok(message) = receiver.recv() {
                batch.take(message);
                // What has come meanwhile is written in one go.
                while let Ok(message) = receiver.try_recv() {
                    batch.take(message);
                }
                batch.write();
            }
        })?;
        Ok(Self { sender, limits })
    }

    /// Waits until what was sent so far is written, but not for long.
    pub(crate) fn flush(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.sender.send(Message::Flush(done)).is_ok() {
            // The answer is that the other side is dropped.
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }

    fn line(&self, sink: &Arc<Sink>, line: Vec<u8>) {
        let queue = &sink.queue;
        if queue.waiting.fetch_add(1, Ordering::AcqRel) >= self.limits.waiting_lines
            || self.sender.send(Message::Line(Arc::clone(sink), line)).is_err()
        {
            queue.waiting.fetch_sub(1, Ordering::AcqRel);
            queue.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Lines for one sink that are not written yet.
struct Batch<F> {
    sink: Option<Arc<Sink>>,
    lines: Vec<u8>,
    count: usize,
    tell: F,
}

impl<F: Fn(&str, u64)> Batch<F> {
    fn take(&mut self, message: Message) {
        match message {
            Message::Line(sink, line) => {
                let is_same = self.sink.as_ref().is_some_and(|held| Arc::ptr_eq(held, &sink));
                if !is_same || self.lines.len() + line.len() > LARGEST_WRITE {
                    self.write();
                    self.sink = Some(sink);
                }
                self.lines.extend_from_slice(&line);
                self.count += 1;
            }
            Message::Flush(done) => {
                self.write();
                drop(done);
            }
        }
    }

    fn write(&mut self) {
        let Some(sink) = self.sink.take() else { return };
        sink.write(&self.lines);
        self.lines.clear();
        let queue = &sink.queue;
        queue.waiting.fetch_sub(std::mem::take(&mut self.count), Ordering::AcqRel);
        let dropped = queue.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            (self.tell)(&queue.component, dropped);
        }
    }
}

/// Where the output of components goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    /// A directory of files, `<component>_stdout.txt` and `<component>_stderr.txt`.
    pub(crate) dir: Option<PathBuf>,
    /// Whether the files begin empty.
    pub(crate) truncate: bool,
    /// Whose output goes to Spindle's own.
    pub(crate) follow: Follow,
}

/// Whose output goes to Spindle's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Follow {
    /// That of all components.
    #[default]
    All,
    /// Of none.
    Nobody,
    /// Of these.
    Only(BTreeSet<String>),
}

/// Where the output of one component goes.
#[derive(Clone)]
pub(crate) struct Output {
    writer: Writer,
    stdout: Arc<Sink>,
    stderr: Arc<Sink>,
}

impl Output {
    /// The output of a component.
    ///
    /// # Errors
    /// When a directory or a file cannot be made.
    pub(crate) fn open(writer: &Writer, component: &str, to: &Destinations) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            component: component.to_owned(),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
        });
        let is_followed = match &to.follow {
            Follow::All => true,
            Follow::Nobody => false,
            Follow::Only(ids) => ids.contains(component),
        };
        let sink = |name: &str, own: Own| {
            let file = to.dir.as_deref().map(|dir: &Path| {
                std::fs::create_dir_all(dir)?;
                let path = dir.join(format!("{component}_{name}.txt"));
                LogFile::open(path, to.truncate, writer.limits.file).map(Mutex::new)
            });
            Ok::<_, std::io::Error>(Arc::new(Sink {
                queue: Arc::clone(&queue),
                prefix: format!("{component}: ").into(),
                own: is_followed.then_some(own),
                file: file.transpose()?,
            }))
        };
        Ok(Self { writer: writer.clone(), stdout: sink("stdout", Own::Stdout)?, stderr: sink("stderr", Own::Stderr)? })
    }

    /// The standard output of a new instance.
    #[must_use]
    pub(crate) fn stdout(&self) -> Stream {
        Stream::new(&self.writer, &self.stdout)
    }

    /// The standard error of a new instance.
    #[must_use]
    pub(crate) fn stderr(&self) -> Stream {
        Stream::new(&self.writer, &self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use super::*;

    const LIMITS: OutputLimits = OutputLimits { waiting_lines: 1000, line: 1024, file: 1 << 20 };

    fn nobody_is_told(component: &str, dropped: u64) {
        panic!("{dropped} lines of {component} were dropped");
    }

    fn files(writer: &Writer, component: &str, dir: &Path) -> Output {
        let to = Destinations { dir: Some(dir.to_owned()), follow: Follow::Nobody, truncate: false };
        Output::open(writer, component, &to).unwrap()
    }

    #[test]
    fn lines_of_many_instances_are_never_mixed() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::start(LIMITS, nobody_is_told).unwrap();
        let output = files(&writer, "c", dir.path());
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let stream = output.stdout();
                std::thread::spawn(move || {
                    for _ in 0..100 {
                        for piece in [&n.to_string().repeat(20), "\n"] {
                            stream.0.add(piece.as_bytes());
                        }
                    }
                    stream.0.add(b"end");
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        writer.flush();
        let text = std::fs::read_to_string(dir.path().join("c_stdout.txt")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 404);
        assert!(
            lines.iter().all(|line| *line == "end"
                || (line.len() == 20 && line.bytes().all(|b| Some(&b) == line.as_bytes().first())))
        );
    }

    #[test]
    fn lost_lines_are_told_when_there_is_room_and_are_those_of_one_component() {
        let (told, hear) = mpsc::channel();
        let limits = OutputLimits { waiting_lines: 10, ..LIMITS };
        let writer = Writer::start(limits, move |component: &str, count| {
            told.send((component.to_owned(), count)).unwrap();
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut loud = files(&writer, "loud", dir.path());
        let quiet = files(&writer, "quiet", dir.path());
        // A pipe takes 64 KiB until somebody reads.
        let (mut reader, mut pipe) = std::io::pipe().unwrap();
        pipe.write_all(&[0; 64 * 1024]).unwrap();
        let file = LogFile {
            file: File::from(std::os::fd::OwnedFd::from(pipe)),
            path: PathBuf::new(),
            size: 0,
            max: u64::MAX,
        };
        let sink = Arc::new(Sink {
            queue: Arc::clone(&loud.stdout.queue),
            prefix: "".into(),
            own: None,
            file: Some(Mutex::new(file)),
        });
        loud.stdout = sink;
        let stream = loud.stdout();
        (0..17).for_each(|_| stream.0.add(b"12345\n"));
        assert!(hear.try_recv().is_err(), "told while there is no room");
        quiet.stdout().0.add(b"heard\n");
        std::io::copy(&mut (&mut reader).take(64 * 1024 + 10 * 6), &mut std::io::sink()).unwrap();
        assert_eq!(hear.recv_timeout(Duration::from_secs(9)).unwrap(), ("loud".to_owned(), 7));
        writer.flush();
        assert_eq!(std::fs::read_to_string(dir.path().join("quiet_stdout.txt")).unwrap(), "heard\n");
    }

    #[test]
    fn a_file_that_has_become_large_is_renamed() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::start(OutputLimits { file: 10, ..LIMITS }, nobody_is_told).unwrap();
        let output = files(&writer, "c", dir.path());
        for line in ["1234567\n", "second\n", "third\n"] {
            output.stdout().0.add(line.as_bytes());
            writer.flush();
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((read("c_stdout.txt.1"), read("c_stdout.txt")), ("second\n".to_owned(), "third\n".to_owned()));
        let to = Destinations { dir: Some(dir.path().to_owned()), follow: Follow::Nobody, truncate: true };
        Output::open(&writer, "c", &to).unwrap();
        assert_eq!(read("c_stdout.txt"), "");
    }
}
