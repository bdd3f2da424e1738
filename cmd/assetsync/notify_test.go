package main

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mapEnv looks variables up in a map.
func mapEnv(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

// listenNotify is a service manager: it returns the value of NOTIFY_SOCKET,
// and what reads the next message.
func listenNotify(t *testing.T, abstract bool) (socket string, next func() string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no datagram sockets")
	}
	if abstract && runtime.GOOS != "linux" {
		t.Skip("no abstract sockets")
	}
	// The temporary directory of a test may be too long for a socket.
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	if abstract {
		socket = "@" + socket
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return socket, func() string {
		t.Helper()
		buf := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestNotifierMessages(t *testing.T) {
	reloading := "RELOADING=1"
	if runtime.GOOS == "linux" {
		reloading += "\nMONOTONIC_USEC=N"
	}
	tests := map[string]struct {
		tell func(*notifier) error
		want string
	}{
		"ready":                  {func(n *notifier) error { return n.Ready("3 targets in step") }, "READY=1\nSTATUS=3 targets in step"},
		"ready without status":   {func(n *notifier) error { return n.Ready("") }, "READY=1"},
		"status":                 {func(n *notifier) error { return n.Status("waits for credentials") }, "STATUS=waits for credentials"},
		"status cleared":         {func(n *notifier) error { return n.Status("") }, "STATUS="},
		"status is one line":     {func(n *notifier) error { return n.Status("a\nREADY=1\r\x00b") }, "STATUS=a READY=1  b"},
		"status is UTF-8":        {func(n *notifier) error { return n.Status("a\xffb") }, "STATUS=a\ufffdb"},
		"status of full length":  {func(n *notifier) error { return n.Status(strings.Repeat("x", 1024)) }, "STATUS=" + strings.Repeat("x", 1024)},
		"status too long":        {func(n *notifier) error { return n.Status(strings.Repeat("x", 1025)) }, "STATUS=" + strings.Repeat("x", 1021) + "…"},
		"status cut at a letter": {func(n *notifier) error { return n.Status(strings.Repeat("ä", 600)) }, "STATUS=" + strings.Repeat("ä", 510) + "…"},
		"reloading":              {(*notifier).Reloading, reloading},
		"stopping":               {(*notifier).Stopping, "STOPPING=1"},
	}
	usec := regexp.MustCompile(`(?m)^MONOTONIC_USEC=[1-9][0-9]*$`)
	for name, tt := range tests {
		for _, abstract := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/abstract=%t", name, abstract), func(t *testing.T) {
				t.Parallel()
				socket, next := listenNotify(t, abstract)
				n, err := newNotifier(mapEnv(map[string]string{"NOTIFY_SOCKET": socket}))
				if err != nil {
					t.Fatal(err)
				}
				if err := tt.tell(n); err != nil {
					t.Fatal(err)
				}
				got := usec.ReplaceAllString(next(), "MONOTONIC_USEC=N")
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Errorf("message (-want +got):\n%s", d)
				}
			})
		}
	}
}

// TestNotifierReloadingTime: what a reload says of its time is in microseconds
// of a clock that goes.
func TestNotifierReloadingTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only systemd wants it")
	}
	socket, next := listenNotify(t, false)
	n, err := newNotifier(mapEnv(map[string]string{"NOTIFY_SOCKET": socket}))
	if err != nil {
		t.Fatal(err)
	}
	var stamps [2]int64
	for i := range stamps {
		time.Sleep(2 * time.Millisecond)
		if err := n.Reloading(); err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(next(), "MONOTONIC_USEC=")
		if stamps[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if d := stamps[1] - stamps[0]; d < 2000 || d > 60_000_000 {
		t.Errorf("two reloads more than 2 ms apart are %d µs apart", d)
	}
}

func TestNotifierWithoutManager(t *testing.T) {
	n, err := newNotifier(mapEnv(map[string]string{"WATCHDOG_USEC": "1000"}))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(n.Ready("a"), n.Status("b"), n.Reloading(), n.Stopping(),
		n.Watchdog(t.Context(), func() bool { return true }))
	if err != nil {
		t.Error(err)
	}
}

func TestNotifierManagerGone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no datagram sockets")
	}
	n, err := newNotifier(mapEnv(map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Stopping(); err == nil || !strings.HasPrefix(err.Error(), "tell the service manager of end: ") {
		t.Errorf("got %v", err)
	}
}

// TestNotifierManagerHangs: a manager that does not read holds nobody up.
func TestNotifierManagerHangs(t *testing.T) {
	socket, _ := listenNotify(t, false)
	n, err := newNotifier(mapEnv(map[string]string{"NOTIFY_SOCKET": socket}))
	if err != nil {
		t.Fatal(err)
	}
	// Its queue holds some hundred messages at most.
	for range 10_000 {
		if err = n.Status("x"); err != nil {
			break
		}
	}
	if err == nil {
		t.Skip("the queue has no end here")
	}
	var timeout net.Error
	if runtime.GOOS == "linux" && !(errors.As(err, &timeout) && timeout.Timeout()) {
		t.Errorf("got %v, want the end of the time", err)
	}
}

func TestNewNotifier(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	tests := map[string]struct {
		env  map[string]string
		want time.Duration // of the watchdog
		err  string        // begins with
	}{
		"nothing set":       {env: nil},
		"no watchdog":       {env: map[string]string{"NOTIFY_SOCKET": "/run/s"}},
		"watchdog":          {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "30000000"}, want: 30 * time.Second},
		"watchdog of ours":  {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": self}, want: 2 * time.Second},
		"watchdog of other": {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": self + "1"}},
		"longest":           {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "9223372036854775"}, want: 9223372036854775 * time.Microsecond},
		"relative socket":   {env: map[string]string{"NOTIFY_SOCKET": "run/s"}, err: "read NOTIFY_SOCKET: "},
		"virtual machine":   {env: map[string]string{"NOTIFY_SOCKET": "vsock:2:1234"}, err: "read NOTIFY_SOCKET: "},
		"only an at":        {env: map[string]string{"NOTIFY_SOCKET": "@"}, err: "read NOTIFY_SOCKET: "},
		"not a number":      {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "30s"}, err: "read WATCHDOG_USEC: "},
		"zero":              {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "0"}, err: "read WATCHDOG_USEC: "},
		"below zero":        {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "-1"}, err: "read WATCHDOG_USEC: "},
		"too long":          {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "9223372036854776"}, err: "read WATCHDOG_USEC: "},
		"no process":        {env: map[string]string{"NOTIFY_SOCKET": "/run/s", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "me"}, err: "read WATCHDOG_PID: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n, err := newNotifier(mapEnv(tt.env))
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Fatalf("got error %v, want %s...", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n.watchdog != tt.want {
				t.Errorf("got a watchdog of %v, want %v", n.watchdog, tt.want)
			}
		})
	}
}

// TestWatchdog lets a daemon run for a time, with a manager that wants a ping
// every 10 s.
func TestWatchdog(t *testing.T) {
	broken := errors.New("broken")
	tests := map[string]struct {
		alive func(at time.Duration) bool
		send  func(at time.Duration) error
		want  []time.Duration // when a ping arrived
		err   error
		end   time.Duration // 0 is when it is told to
	}{
		"alive": {want: []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second}},
		"dead for a while": {
			alive: func(at time.Duration) bool { return at < 7*time.Second || at > 17*time.Second },
			want:  []time.Duration{5 * time.Second, 20 * time.Second},
		},
		"dead": {alive: func(time.Duration) bool { return false }},
		"one ping lost": {
			send: func(at time.Duration) error {
				if at == 10*time.Second || at == 20*time.Second {
					return broken
				}
				return nil
			},
			want: []time.Duration{5 * time.Second, 15 * time.Second},
		},
		"manager gone": {
			send: func(at time.Duration) error {
				if at > 7*time.Second {
					return broken
				}
				return nil
			},
			want: []time.Duration{5 * time.Second},
			err:  broken,
			end:  15 * time.Second,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var got []time.Duration
				n := &notifier{watchdog: 10 * time.Second, send: func(state string) error {
					if state != "WATCHDOG=1" {
						t.Errorf("sent %q", state)
					}
					at := time.Since(start)
					if tt.send != nil {
						if err := tt.send(at); err != nil {
							return err
						}
					}
					got = append(got, at)
					return nil
				}}
				ctx, cancel := context.WithTimeout(t.Context(), 22*time.Second)
				defer cancel()
				err := n.Watchdog(ctx, func() bool { return tt.alive == nil || tt.alive(time.Since(start)) })
				if !errors.Is(err, tt.err) {
					t.Errorf("got error %v, want %v", err, tt.err)
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Errorf("pings (-want +got):\n%s", d)
				}
				if got, want := time.Since(start), stdcmp.Or(tt.end, 22*time.Second); got != want {
					t.Errorf("ended after %v, want %v", got, want)
				}
			})
		})
	}
}

// TestWatchdogSocket sends a ping to a manager that wants it soon.
func TestWatchdogSocket(t *testing.T) {
	socket, next := listenNotify(t, false)
	n, err := newNotifier(mapEnv(map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "20000"}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- n.Watchdog(ctx, func() bool { return true }) }()
	for range 2 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
