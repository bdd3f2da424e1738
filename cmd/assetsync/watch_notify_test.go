//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serviceManager hears what a daemon tells, as systemd does.
type serviceManager struct {
	path string
	mu   sync.Mutex
	said []string // assignments, in their order
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // short: a socket's path is
	if err != nil {
		t.Fatal(err)
	}
	m := &serviceManager{path: filepath.Join(dir, "s")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		data := make([]byte, 4096)
		for {
			n, err := conn.Read(data)
			if err != nil {
				return // closed below
			}
			m.mu.Lock()
			m.said = append(m.said, strings.Split(strings.TrimSpace(string(data[:n])), "\n")...)
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		<-heard
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return m
}

// count returns how many assignments begin so.
func (m *serviceManager) count(prefix string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, line := range m.said {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// TestWatchTellsTheServiceManager has a daemon start, do its work, read its
// config again and end, as a unit of Type=notify with a watchdog.
func TestWatchTellsTheServiceManager(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	w := newWorld(t, "", "one")
	w.env = append(slices.Clone(w.env), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=200000")
	w.start()
	hears := func(what string, n int) {
		t.Helper()
		w.until("the manager hears "+what, func() string {
			if m.count(what) < n {
				return "it does not"
			}
			return ""
		})
	}
	hears("READY=1", 1)
	hears("STATUS=1 in step", 1)
	hears("WATCHDOG=1", 3)
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGHUP))
	hears("RELOADING=1", 1)
	hears("MONOTONIC_USEC=", 1)
	hears("READY=1", 2)
	w.save(".git/index.lock", "")
	w.must(os.WriteFile(w.path(".git/HEAD"), []byte("ref: refs/heads/main\n"), 0o600))
	w.must(os.MkdirAll(w.path(".git/objects"), 0o700))
	w.must(os.MkdirAll(w.path(".git/refs"), 0o700))
	w.save("skills/one/SKILL.md", "a change that waits\n")
	hears("STATUS=1 waiting (skills/one: a git command holds index.lock", 1)
	w.remove(".git")
	if took := w.terminate(); took > 10*time.Second {
		t.Errorf("it ended after %s", took)
	}
	hears("STOPPING=1", 1)
}
