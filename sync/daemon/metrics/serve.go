package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// Limits of a client: whoever can reach the port must not be able to keep the
// daemon from its work.
const (
	requestTimeout = 5 * time.Second  // to say what it wants
	answerTimeout  = 10 * time.Second // to read the answer; Prometheus itself waits as long, unless told otherwise
	idleTimeout    = 2 * time.Minute  // longer than the usual interval between scrapes
	maxHeader      = 8 << 10          // bytes
	maxConnections = 16
	maxScrapes     = 4 // at once
)

// Address completes what people write: a port alone, also as ":9090", is one
// on this machine only; another interface has to be written out.
func Address(s string) (string, error) {
	if s != "" && !strings.Contains(s, ":") {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || port == "" {
		return "", fmt.Errorf("%q is no address: want PORT or HOST:PORT", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("%q is no port", port)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// Serve answers on a listener until ctx ends, and closes it. Its error is one
// of the listener, which does not concern the daemon's work.
func (m *Metrics) Serve(ctx context.Context, l net.Listener, errorLog *log.Logger) error {
	server := &http.Server{
		Handler: m.handler(errorLog), ErrorLog: errorLog, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
	}
	var closing sync.WaitGroup
	stopped := make(chan struct{})
	closing.Go(func() {
		select {
		case <-ctx.Done():
		case <-stopped:
		}
		server.Close() // a scrape that is cut short comes again; its listener is closed twice then
	})
	err := server.Serve(netutil.LimitListener(l, maxConnections))
	close(stopped)
	closing.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve metrics: %w", err)
}

func (m *Metrics) handler(errorLog *log.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherer(m.registry), promhttp.HandlerOpts{
		ErrorLog: errorLog, MaxRequestsInFlight: maxScrapes, Timeout: answerTimeout / 2,
	}))
	mux.HandleFunc("GET /healthz", m.healthz)
	return mux
}

// healthz answers while a daemon runs: 200 and how its targets do. That one of
// them fails is no reason to start the daemon again.
func (m *Metrics) healthz(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	health := m.health
	m.mu.Unlock()
	if health == nil {
		http.Error(w, "no daemon runs", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A client that went away cannot be told.
	_, _ = io.WriteString(w, health().Summary+"\n")
}
