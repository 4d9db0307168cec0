//! A PostgreSQL server of a test's own, that can be killed.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// A cluster in a directory of its own. It is stopped when dropped.
pub struct Cluster {
    directory: TempDir,
    port: u16,
}

fn succeeded(output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

impl Cluster {
    /// Makes it and starts it.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        if let Ok(user) = std::env::var("RESTANTE_TEST_PG_USER") {
            let mut own = Command::new("chown");
            succeeded(&own.arg(user).arg(directory.path()).output().unwrap());
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let cluster = Self { directory, port };
        let mut initdb = cluster.command("initdb");
        initdb.args([
            "-U",
            "restante",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        succeeded(&initdb.arg(cluster.data()).output().unwrap());
        cluster.restart().await;
        cluster
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A program of PostgreSQL, as the user it runs as.
    fn command(&self, name: &str) -> Command {
        let programs = std::env::var("RESTANTE_TEST_PG_BINDIR")
            .expect("no PostgreSQL to test on: run ./scripts/test, which finds one");
        let program = PathBuf::from(programs).join(name);
        let mut command = match std::env::var("RESTANTE_TEST_PG_USER") {
            Ok(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", &user, "--"]).arg(program);
                command
            }
            Err(_) => Command::new(program),
        };
        command.current_dir(self.directory.path());
        command
    }

    /// The database that every cluster has.
    pub fn url(&self) -> String {
        format!("postgres://restante@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it. After it was killed that takes until its last process has noticed.
    pub async fn restart(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            self.port,
            self.directory.path().display()
        );
        let log = self.directory.path().join("log");
        let started = async {
            loop {
                let mut start = self.command("pg_ctl");
                start
                    .args(["-w", "-t", "30", "-o", &options, "-D"])
                    .arg(self.data());
                if start
                    .arg("-l")
                    .arg(&log)
                    .arg("start")
                    .status()
                    .unwrap()
                    .success()
                {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let started = timeout(Duration::from_mins(1), started).await;
        started.unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(&log).unwrap()));
    }

    /// Ends it at once, as a loss of power does.
    pub fn kill(&self) {
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        succeeded(&Command::new("kill").args(["-KILL", pid]).output().unwrap());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be down, which is as good.
        let mut stop = self.command("pg_ctl");
        let _ = stop
            .args(["-m", "immediate", "-w", "-D"])
            .arg(self.data())
            .arg("stop")
            .output();
    }
}
