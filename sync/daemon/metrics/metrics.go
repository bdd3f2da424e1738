// Package metrics counts what a daemon does, for Prometheus.
//
// No label holds what comes from outside: targets are those of the config,
// and beyond maxTargets they are one; operations, results, states and reasons
// are words of this program. A target that the config has no longer is
// forgotten with the next scrape.
package metrics

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"assetsync/remote"
	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
)

const (
	// maxTargets is how many targets have labels of their own: at about thirty
	// series each, what a Prometheus takes from one process without notice.
	maxTargets = 500

	// otherTargets is the label of those beyond. No path has parentheses only.
	otherTargets = "(others)"
)

// Build is which program it is that is counted.
type Build struct{ Version, Commit, Go string }

// Metrics are the metrics of one process, in a registry of their own. The
// methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry

	publishes *prometheus.CounterVec
	versions  *prometheus.CounterVec
	saves     prometheus.Histogram
	calls     *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	waits     *prometheus.CounterVec
	waited    *prometheus.CounterVec

	mu     sync.Mutex
	health func() daemon.Health // nil: no daemon runs
	named  map[string]bool      // targets that have a label
}

// New makes them. Nothing is counted yet.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), named: map[string]bool{},
		publishes: counters("publishes_total", "Looks at a target that may publish or check out, by what they came to; unchanged wrote nothing.", "target", "result"),
		versions:  counters("versions_published_total", "Versions made of a target.", "target"),
		saves: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "save_to_version_seconds", Help: "From the first event of a save to the proof of its version.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600},
		}),
		calls: counters("api_calls_total", "Calls of the service by operation, and ok or the kind of the error.", "operation", "result"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "api_call_duration_seconds", Help: "How long calls of the service took, with all attempts and waits.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, []string{"operation"}),
		waits:  counters("throttled_waits_total", "Waits of requests: rate is our own limit, throttled the service's, retry after another failure.", "reason"),
		waited: counters("throttled_wait_seconds_total", "How long requests waited, by the same reasons.", "reason"),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Which program this is; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.Go},
	})
	info.Set(1)
	m.registry.MustRegister(info, m.publishes, m.versions, m.saves, m.calls, m.latency, m.waits, m.waited, &state{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

const namespace = "assetsync"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// Observe makes a daemon the one whose state is shown; nil: none.
func (m *Metrics) Observe(health func() daemon.Health) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.health = health
}

// Looked counts a look; see [daemon.Options].
func (m *Metrics) Looked(res assetsync.Result, saved time.Duration) {
	target := m.label(res.Target)
	m.publishes.WithLabelValues(target, string(res.Outcome)).Inc()
	if n := len(res.Versions); n > 0 {
		m.versions.WithLabelValues(target).Add(float64(n))
	}
	if saved > 0 {
		m.saves.Observe(saved.Seconds())
	}
}

// Called counts a call of the service; see [remote.Options].
func (m *Metrics) Called(operation string, took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
		if known, ok := errors.AsType[*remote.Error](err); ok {
			result = known.Kind.Word()
		}
	}
	m.calls.WithLabelValues(operation, result).Inc()
	m.latency.WithLabelValues(operation).Observe(took.Seconds())
}

// Waited counts a wait of a request.
func (m *Metrics) Waited(reason string, d time.Duration) {
	m.waits.WithLabelValues(reason).Inc()
	m.waited.WithLabelValues(reason).Add(d.Seconds())
}

// label is the label of a target.
func (m *Metrics) label(target string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.named[target] {
		if len(m.named) >= maxTargets {
			return otherTargets
		}
		m.named[target] = true
	}
	return target
}

// forget drops the targets that are none any more.
func (m *Metrics) forget(views []daemon.View) {
	m.mu.Lock()
	defer m.mu.Unlock()
	present := map[string]bool{}
	for _, v := range views {
		present[v.Target] = true
	}
	for target := range m.named {
		if !present[target] {
			delete(m.named, target)
			m.publishes.DeletePartialMatch(prometheus.Labels{"target": target})
			m.versions.DeletePartialMatch(prometheus.Labels{"target": target})
		}
	}
}
