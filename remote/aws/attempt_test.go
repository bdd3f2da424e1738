package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"assetsync/remote"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// anonymous makes a client over a base, inside a bubble of fake time.
func anonymous(t *testing.T, base http.RoundTripper, o Options) *remote.Client {
	o.Anonymous, o.Base = true, base
	if o.Endpoint == "" {
		o.Endpoint = "http://service.test"
	}
	return newClient(t, newTransport(t, o))
}

// TestRepeats is the table of what is repeated: reads by the SDK's policy,
// writes when they were throttled.
func TestRepeats(t *testing.T) {
	ok := answer{status: 200, body: okBody}
	named := func(status int, name string) answer {
		return answer{status: status, header: map[string]string{"x-amzn-errortype": name}, body: `{"message":"m"}`}
	}
	reset := answer{err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}
	tests := []struct {
		name      string
		answers   []answer
		reads     int // attempts
		writes    int
		kind      remote.Kind // of the write; "": success
		ambiguous bool        // the write
	}{
		{"success", []answer{ok}, 1, 1, "", false},
		{"throttled once", []answer{named(429, "ThrottlingException"), ok}, 2, 2, "", false},
		{"throttled by name", []answer{named(400, "ThrottlingException"), ok}, 2, 2, "", false},
		{"throttled without a name", []answer{{status: 429, body: "<html>"}, ok}, 2, 2, "", false},
		{"throttled for ever", []answer{named(429, "ThrottlingException")}, 5, 5, remote.KindThrottling, false},
		{"internal error", []answer{named(500, "InternalServerException"), ok}, 2, 1, remote.KindInternalServer, true},
		{"bad gateway", []answer{{status: 502, body: "<html>"}, ok}, 2, 1, remote.KindUnavailable, true},
		{"unavailable", []answer{named(503, "ServiceUnavailableException"), ok}, 2, 1, remote.KindUnavailable, true},
		{"slow down with a 503", []answer{named(503, "SlowDown"), ok}, 2, 1, remote.KindThrottling, true},
		{"gateway time-out", []answer{{status: 504}, ok}, 2, 1, remote.KindUnavailable, true},
		{"reset", []answer{reset, ok}, 2, 1, remote.KindUnavailable, true},
		{"end of file", []answer{{err: io.EOF}, ok}, 2, 1, remote.KindUnavailable, true},
		{"throttled, then reset", []answer{named(429, "ThrottlingException"), reset, ok}, 3, 2, remote.KindUnavailable, true},
		{"quota", []answer{named(402, "ServiceQuotaExceededException"), ok}, 1, 1, remote.KindQuotaExceeded, false},
		{"not found", []answer{named(404, "ResourceNotFoundException"), ok}, 1, 1, remote.KindNotFound, false},
		{"conflict", []answer{named(409, "ConflictException"), ok}, 1, 1, remote.KindConflict, false},
		{"too large", []answer{named(413, "ContentSizeExceededException"), ok}, 1, 1, remote.KindContentSizeExceeded, false},
		{"wrong signature", []answer{named(403, "InvalidSignatureException"), ok}, 1, 1, remote.KindNotAuthorized, false},
		{"no JSON", []answer{{status: 200, body: "<html>"}, ok}, 1, 1, remote.KindInvalidResponse, true},
		{"answer too large", []answer{{status: 200, body: strings.Repeat(" ", 2000)}, ok}, 1, 1, remote.KindUnavailable, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &script{answers: tt.answers}
				err := write(t.Context(), anonymous(t, base, Options{MaxBody: 1000}))
				if (err == nil) != (tt.kind == "") || err != nil && !remote.IsKind(err, tt.kind) || errors.Is(err, remote.ErrAmbiguous) != tt.ambiguous {
					t.Errorf("write: %v, want %q, ambiguous %v", err, tt.kind, tt.ambiguous)
				}
				if len(base.requests) != tt.writes {
					t.Errorf("write: %d attempts, want %d", len(base.requests), tt.writes)
				}
				base = &script{answers: tt.answers}
				err = read(t.Context(), anonymous(t, base, Options{MaxBody: 1000}))
				if last := tt.answers[min(tt.reads, len(tt.answers))-1]; (err == nil) != (last.body == okBody) || errors.Is(err, remote.ErrAmbiguous) {
					t.Errorf("read: %v", err)
				}
				if len(base.requests) != tt.reads {
					t.Errorf("read: %d attempts, want %d", len(base.requests), tt.reads)
				}
			})
		})
	}
}

// TestAdaptive stays out of fake time: the SDK's adaptive limiter polls with
// waits that round to nothing.
func TestAdaptive(t *testing.T) {
	isolate(t, nil)
	base := &script{answers: []answer{{status: 503}, {status: 200, body: okBody}}}
	transport := newTransport(t, Options{Anonymous: true, Endpoint: "http://x.test", Base: base, RetryMode: "adaptive"})
	if _, ok := transport.retryer.(*retry.AdaptiveMode); !ok {
		t.Errorf("policy is a %T", transport.retryer)
	}
	client := newClient(t, transport)
	if err := write(t.Context(), client); !errors.Is(err, remote.ErrAmbiguous) || len(base.requests) != 1 {
		t.Errorf("write: %d attempts: %v", len(base.requests), err)
	}
	if err := read(t.Context(), client); err != nil {
		t.Error(err)
	}
}

// TestWaits measures, in fake time, how long is waited between attempts.
func TestWaits(t *testing.T) {
	throttled := func(after string) answer {
		return answer{status: 429, header: map[string]string{"Retry-After": after, "Date": "Mon, 02 Nov 2026 10:00:00 GMT"}, body: `{}`}
	}
	ok := answer{status: 200, body: okBody}
	tests := []struct {
		name     string
		answers  []answer
		options  Options
		attempts int
		min, max time.Duration // from first to last attempt
	}{
		{"as the answer asks", []answer{throttled("30"), ok}, Options{}, 2, 30 * time.Second, 30 * time.Second},
		{"until a date", []answer{throttled("Mon, 02 Nov 2026 10:00:45 GMT"), ok}, Options{}, 2, 45 * time.Second, 45 * time.Second},
		// The policy's exponential delays with jitter, plus the pace of the
		// halved rate.
		{"by the policy", []answer{throttled("")}, Options{}, 5, time.Millisecond, 25 * time.Second},
		{"longer than there is time", []answer{throttled("3600"), ok}, Options{}, 1, 0, 0},
		{"longer than a short time", []answer{throttled("30"), ok}, Options{Timeout: 20 * time.Second}, 1, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &script{answers: tt.answers}
				err := write(t.Context(), anonymous(t, base, tt.options))
				if tt.attempts == 2 && err != nil || tt.attempts != 2 && !remote.IsKind(err, remote.KindThrottling) {
					t.Errorf("error %v", err)
				}
				took := base.times[len(base.times)-1].Sub(base.times[0])
				if len(base.times) != tt.attempts || took < tt.min || took > tt.max {
					t.Errorf("%d attempts in %v, want %d in %v to %v", len(base.times), took, tt.attempts, tt.min, tt.max)
				}
			})
		})
	}
}

// TestWaitsAreTold holds that who listens hears of each wait before it begins:
// why, how long, and what it comes after.
func TestWaitsAreTold(t *testing.T) {
	ok := answer{status: 200, body: okBody}
	later := map[string]string{"Retry-After": "30"}
	tests := map[string]struct {
		answers []answer
		calls   int
		limiter *Limiter
		want    []string
	}{
		"none":      {answers: []answer{ok}, calls: 1},
		"throttled": {answers: []answer{{status: 429, header: later}, ok}, calls: 1, want: []string{"throttled 30s attempt 2 true"}},
		"failed":    {answers: []answer{{status: 503, header: later}, ok}, calls: 1, want: []string{"retry 30s attempt 2 true"}},
		"paced":     {answers: []answer{ok}, calls: 2, limiter: NewLimiter(1, 1), want: []string{"rate 1s attempt 1 false"}},
		"in vain":   {answers: []answer{{status: 429, header: map[string]string{"Retry-After": "3600"}}}, calls: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []string
				client := anonymous(t, &script{answers: tt.answers}, Options{Limiter: tt.limiter, OnWait: func(w Wait) {
					told = append(told, fmt.Sprintf("%s %s attempt %d %t", w.Reason, w.For, w.Attempt, w.Err != nil))
				}})
				for range tt.calls {
					if err := read(t.Context(), client); (err == nil) != (name != "in vain") {
						t.Error(err)
					}
				}
				if !slices.Equal(told, tt.want) {
					t.Errorf("told of %q, want %q", told, tt.want)
				}
			})
		})
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &script{answers: []answer{{status: 429, header: map[string]string{"Retry-After": "60"}}}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		start := time.Now()
		err := write(ctx, anonymous(t, base, Options{}))
		if took := time.Since(start); took != 5*time.Second || len(base.requests) != 1 {
			t.Errorf("%d attempts in %v", len(base.requests), took)
		}
		if errors.Is(err, remote.ErrAmbiguous) || !remote.IsKind(err, remote.KindThrottling) {
			t.Errorf("error %v", err)
		}
	})
}

// serveAnswer reads a request and writes a text.
func serveAnswer(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if readRequest(conn) {
			io.WriteString(conn, text)
		}
	}
}

// TestWhatLeft is the proof of ErrNotSent: a real http.Transport over
// connections that fail at every stage of a request.
func TestWhatLeft(t *testing.T) {
	dnsGone := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "service.test", IsNotFound: true}}
	}
	dnsFailed := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "service.test", IsTemporary: true}}
	}
	dialHangs := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	closes := func(net.Conn) {}
	readsHalf := func(conn net.Conn) { io.ReadFull(conn, make([]byte, 10)) }
	readsAll := func(conn net.Conn) { readRequest(conn) }
	hangs := func(conn net.Conn) { readRequest(conn); io.Copy(io.Discard, conn) }
	const half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"asset\":"
	tests := []struct {
		name      string
		endpoint  string
		dial      func(context.Context, string, string) (net.Conn, error)
		serve     func(net.Conn)
		writes    int // attempts of the write
		ambiguous bool
	}{
		{name: "dial refused", writes: 5},
		{name: "name gone", dial: dnsGone, writes: 1},
		{name: "name server failed", dial: dnsFailed, writes: 5},
		{name: "dial hangs", dial: dialHangs, writes: 5},
		{name: "TLS refused", endpoint: "https://service.test", serve: closes, writes: 5},
		{name: "TLS breaks", endpoint: "https://service.test", serve: readsHalf, writes: 5},
		{name: "TLS is none", endpoint: "https://service.test", serve: serveAnswer("HTTP/1.1 400 Bad Request\r\n\r\n"), writes: 5},
		{name: "connection closed at once", serve: closes, writes: 1, ambiguous: true},
		{name: "half of the request read", serve: readsHalf, writes: 1, ambiguous: true},
		{name: "reset after the request", serve: readsAll, writes: 1, ambiguous: true},
		{name: "no answer", serve: hangs, writes: 1, ambiguous: true},
		{name: "no HTTP", serve: serveAnswer("\x00\x01\x02 what\r\n\r\n"), writes: 1, ambiguous: true},
		{name: "answer cut off", serve: serveAnswer(half), writes: 1, ambiguous: true},
		{name: "answer never ends", serve: func(conn net.Conn) { serveAnswer(half)(conn); io.Copy(io.Discard, conn) }, writes: 1, ambiguous: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &pipes{serve: tt.serve}
				var dials atomic.Int32
				dial := tt.dial
				if dial == nil {
					dial = server.dial
				}
				// A connection for each attempt, so that dials count attempts.
				tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{ServerName: "service.test"},
					DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
						dials.Add(1)
						return dial(ctx, network, address)
					}}
				client := anonymous(t, tr, Options{Endpoint: tt.endpoint, AttemptTimeout: 30 * time.Second})
				err := write(t.Context(), client)
				if errors.Is(err, remote.ErrAmbiguous) != tt.ambiguous || errors.Is(err, remote.ErrNotSent) == tt.ambiguous || !remote.IsKind(err, remote.KindUnavailable) {
					t.Errorf("ambiguous %v, not sent %v, want ambiguous %v: %v", errors.Is(err, remote.ErrAmbiguous), errors.Is(err, remote.ErrNotSent), tt.ambiguous, err)
				}
				if n := dials.Swap(0); int(n) != tt.writes {
					t.Errorf("%d attempts, want %d: %v", n, tt.writes, err)
				}
				err = read(t.Context(), client)
				if errors.Is(err, remote.ErrAmbiguous) || err == nil {
					t.Errorf("read: %v", err)
				}
				want := tt.writes
				if tt.ambiguous {
					want = DefaultMaxAttempts
				}
				if n := dials.Load(); int(n) != want {
					t.Errorf("read: %d attempts, want %d: %v", n, want, err)
				}
				tr.CloseIdleConnections()
				server.wg.Wait()
			})
		})
	}
}

// TestStaleConnection: a connection that the server closed while it was idle
// must not swallow a write silently, and must not repeat it blindly.
func TestStaleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := 0
		server := &pipes{serve: func(conn net.Conn) {
			if readRequest(conn) {
				answered++
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(okBody), okBody)
			}
		}}
		tr := &http.Transport{DialContext: server.dial}
		client := anonymous(t, tr, Options{})
		for range 2 {
			if err := write(t.Context(), client); err != nil {
				t.Error(err)
			}
			synctest.Wait() // the transport sees that the server has closed
		}
		if answered != 2 || server.dials != 2 {
			t.Errorf("%d writes arrived over %d connections", answered, server.dials)
		}
		tr.CloseIdleConnections()
		server.wg.Wait()
	})
}

// TestRoundTripperThatProvesNothing: without traces, no write counts as unsent.
func TestRoundTripperThatProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &script{answers: []answer{{err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}}}
		err := write(t.Context(), anonymous(t, base, Options{}))
		if !errors.Is(err, remote.ErrAmbiguous) || len(base.requests) != 1 {
			t.Errorf("%d attempts: %v", len(base.requests), err)
		}
		base = &script{answers: []answer{{err: fmt.Errorf("busy: %w", remote.ErrNotSent)}, {status: 200, body: okBody}}}
		if err := write(t.Context(), anonymous(t, base, Options{})); err != nil || len(base.requests) != 2 {
			t.Errorf("its own word: %d attempts: %v", len(base.requests), err)
		}
	})
}

func TestLimiter(t *testing.T) {
	isolate(t, nil)
	ok := answer{status: 200, body: okBody}
	t.Run("shared", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			limiter := NewLimiter(DefaultRate, DefaultBurst)
			base := &script{answers: []answer{ok}}
			clients := []*remote.Client{anonymous(t, base, Options{Limiter: limiter}), anonymous(t, base, Options{Limiter: limiter})}
			start := time.Now()
			for i := range 50 {
				if err := read(t.Context(), clients[i%2]); err != nil {
					t.Fatal(err)
				}
			}
			// 20 at once, then 30 at 10 a second.
			if took := time.Since(start).Round(time.Millisecond); took != 3*time.Second || base.times[19] != start {
				t.Errorf("50 calls took %v", took)
			}
		})
	})
	t.Run("slows down and recovers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			limiter := NewLimiter(DefaultRate, DefaultBurst)
			for range 10 {
				limiter.throttled()
			}
			if got := limiter.limiter.Limit(); got != slowest || limiter.limiter.Burst() != 1 {
				t.Errorf("slowest is %v, burst %d", got, limiter.limiter.Burst())
			}
			for range 2 * recoverSteps {
				limiter.succeeded()
			}
			if got := limiter.limiter.Limit(); got != DefaultRate || limiter.limiter.Burst() != DefaultBurst {
				t.Errorf("recovered to %v, burst %d", got, limiter.limiter.Burst())
			}
		})
	})
	t.Run("a throttled call slows down all", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			limiter := NewLimiter(DefaultRate, DefaultBurst)
			base := &script{answers: []answer{{status: 429}, {status: 429}, ok}}
			if err := write(t.Context(), anonymous(t, base, Options{Limiter: limiter})); err != nil {
				t.Fatal(err)
			}
			// Halved twice, one step back.
			if got := limiter.limiter.Limit(); got != DefaultRate/4.+DefaultRate/40. {
				t.Errorf("rate is %v", got)
			}
		})
	})
	t.Run("no time to wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			base := &script{answers: []answer{ok}}
			client := anonymous(t, base, Options{Limiter: NewLimiter(0, 0), Timeout: time.Second})
			if err := write(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			err := write(t.Context(), client)
			if !errors.Is(err, remote.ErrNotSent) || errors.Is(err, remote.ErrAmbiguous) || len(base.requests) != 1 {
				t.Errorf("%d requests: %v", len(base.requests), err)
			}
		})
	})
}

// TestBodyThatCannotBeReadAgain is refused before anything is sent.
func TestBodyThatCannotBeReadAgain(t *testing.T) {
	base := &script{answers: []answer{{status: 200}}}
	transport := newTransport(t, Options{Anonymous: true, Endpoint: "http://x.test", Base: base})
	req, err := http.NewRequest(http.MethodPost, "http://x.test", io.NopCloser(strings.NewReader("x")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.Do(req); !errors.Is(err, remote.ErrNotSent) || len(base.requests) != 0 {
		t.Errorf("error %v", err)
	}
}
