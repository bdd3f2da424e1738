package metrics

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAddress(t *testing.T) {
	tests := map[string]struct{ in, want, err string }{
		"port":              {in: "9090", want: "127.0.0.1:9090"},
		"port with a colon": {in: ":9090", want: "127.0.0.1:9090"},
		"free port":         {in: ":0", want: "127.0.0.1:0"},
		"named":             {in: "localhost:9090", want: "localhost:9090"},
		"everywhere":        {in: "0.0.0.0:9090", want: "0.0.0.0:9090"},
		"everywhere, IPv6":  {in: "[::]:9090", want: "[::]:9090"},
		"empty":             {in: "", err: "no address"},
		"host alone":        {in: "localhost:", err: "no address"},
		"no port":           {in: "metrics", err: "no port"},
		"too large":         {in: "70000", err: "no port"},
		"URL":               {in: "http://localhost:9090", err: "no address"},
		"IPv6 without []":   {in: "::1", err: "no address"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Address(tt.in)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Address(%q) = %q, %v, want %q, %q", tt.in, got, err, tt.want, tt.err)
			}
		})
	}
}

// pipes is a listener in memory, so that time can be virtual.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// serving runs a test against a server in virtual time.
func serving(t *testing.T, test func(*testing.T, *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		l, m := newPipes(), used()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Serve(ctx, l, log.New(io.Discard, "", 0)) }()
		test(t, l)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestServe(t *testing.T) {
	tests := map[string]struct {
		request, body string
		status        int
	}{
		"metrics":       {"GET /metrics", `assetsync_publishes_total{result="published",target="skills/one"} 1`, 200},
		"health":        {"GET /healthz", "1 in step, 1 blocked\n", 200},
		"nothing else":  {"GET /", "", 404},
		"no profiles":   {"GET /debug/pprof/", "", 404},
		"writes nobody": {"POST /metrics", "", 405},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, l *pipes) {
				conn := l.dial()
				defer conn.Close()
				if _, err := io.WriteString(conn, tt.request+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.body) {
					t.Errorf("%s: %v, %q, %v, want %d with %q", tt.request, resp.StatusCode, body, err, tt.status, tt.body)
				}
			})
		})
	}
}

// TestSlowClients keep no connection: those that say nothing, that say it byte
// by byte, and that do not read.
func TestSlowClients(t *testing.T) {
	tests := map[string]struct {
		speak func(net.Conn) error
		most  time.Duration
	}{
		"silent": {func(net.Conn) error { return nil }, requestTimeout},
		"byte by byte": {func(c net.Conn) error {
			for _, b := range []byte("GET /metrics HTTP/1.1\r\nHost: " + strings.Repeat("x", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return nil // it was cut off
				}
				time.Sleep(100 * time.Millisecond)
			}
			return errors.New("it could say all of it")
		}, requestTimeout},
		"does not read": {func(c net.Conn) error {
			_, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
			return err
		}, answerTimeout},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, l *pipes) {
				began, conn := time.Now(), l.dial()
				if err := tt.speak(conn); err != nil {
					t.Fatal(err)
				}
				time.Sleep(max(0, tt.most+time.Second-time.Since(began)))
				synctest.Wait()
				// A pipe whose other end is closed takes no deadline.
				if err := conn.SetReadDeadline(time.Time{}); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("after %s it is still open: %v", time.Since(began), err)
				}
				conn.Close()
			})
		})
	}
}
