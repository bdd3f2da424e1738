package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

func TestListen(t *testing.T) {
	path := socketPath(t)
	file := filepath.Join(filepath.Dir(path), "file")
	write := func(t *testing.T, name string) {
		t.Helper()
		if err := os.WriteFile(name, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		make func(*testing.T)
		want string // of the error; "": none
	}{
		{"nothing is there", func(*testing.T) {}, ""},
		{"a file", func(t *testing.T) { write(t, path) }, "is there and is no socket"},
		{"a link", func(t *testing.T) {
			write(t, file)
			if err := os.Symlink(file, path); err != nil {
				t.Skip(err)
			}
		}, "is there and is no socket"},
		{"a socket of a dead process", func(t *testing.T) {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
			if _, err := NewClient(path, nil).Health(context.Background()); !errors.Is(err, ErrNotRunning) {
				t.Errorf("a client finds %v", err)
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer os.Remove(path)
			tt.make(t)
			l, err := Listen(path)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("error %v, want %q", err, tt.want)
				}
				if data, err := os.ReadFile(path); err != nil || string(data) != "kept" {
					t.Errorf("the file: %q, %v", data, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if info, err := os.Lstat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if err := l.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is left: %v", err)
			}
		})
	}
}

// What another one has put in the socket's place is left alone.
func TestListenReplaced(t *testing.T) {
	path := socketPath(t)
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(path) // the state was removed, and its lock with it
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second one's socket: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// strangers is a listener whose clients cannot be told who they are, but for
// the last.
type strangers struct {
	net.Listener
	conns []net.Conn
}

func (s *strangers) Accept() (net.Conn, error) {
	if len(s.conns) == 0 {
		return nil, net.ErrClosed
	}
	c := s.conns[0]
	s.conns = s.conns[1:]
	return c, nil
}

func TestPeers(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("the peer is not known here")
	}
	path := socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	own, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if uid, known, err := peerUID(own); err != nil || !known || uid != os.Getuid() {
		t.Errorf("peer %d, %v, %v", uid, known, err)
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()
	p := peers{&strangers{conns: []net.Conn{ours, own}}}
	if got, err := p.Accept(); err != nil || got != own {
		t.Errorf("accepted %v, %v", got, err)
	}
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the stranger is let in: %v", err)
	}
	if _, err := p.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// A daemon that is there and does not answer is told from one that is not.
func TestClientErrors(t *testing.T) {
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answering := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	tests := []struct {
		name string
		do   func(net.Conn) // nil: nobody accepts
		want func(error) bool
	}{
		{"accepts and is silent", func(net.Conn) {}, func(err error) bool { return errors.Is(err, ErrSilent) }},
		{"goes before it answers", answering(""), func(err error) bool { return errors.Is(err, ErrNotRunning) }},
		{"goes in the middle", answering(head + "{}\n"), func(err error) bool { return err != nil && strings.Contains(err.Error(), "ends early") }},
		{"is no daemon", answering(head + "hello"), func(err error) bool { return err != nil && strings.Contains(err.Error(), "ends early") }},
		{"says what is wrong", answering(head + `{"error":{"kind":"guard","message":"no"},"done":true}`), func(err error) bool {
			var e *assetsync.Error
			return errors.As(err, &e) && e.Kind == assetsync.KindGuard
		}},
		{"has nothing to say", answering(head + `{"done":true}`), func(err error) bool { return err != nil && strings.Contains(err.Error(), "empty") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			accepted := make(chan net.Conn, 1)
			go func() {
				c, err := l.Accept()
				if err == nil {
					tt.do(c)
				}
				accepted <- c
			}()
			began := time.Now()
			_, err := NewClient(path, nil).Health(context.Background())
			if !tt.want(err) {
				t.Errorf("error %v", err)
			}
			if took := time.Since(began); took > answerTimeout+soon/4 {
				t.Errorf("it took %v", took)
			}
			(<-accepted).Close()
		})
	}
}

// The system takes connections for a daemon that is stopped, until it has too
// many of them.
func TestClientOfStoppedDaemon(t *testing.T) {
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	if _, err := NewClient(path, nil).Health(context.Background()); !errors.Is(err, ErrSilent) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took < answerTimeout || took > answerTimeout+soon/4 {
		t.Errorf("it took %v, want %v", took, answerTimeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewClient(path, nil).Health(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestClientOfNoDaemon(t *testing.T) {
	path := socketPath(t)
	c := NewClient(path, nil)
	if _, err := c.Health(context.Background()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(context.Background()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a file: %v", err)
	}
}
