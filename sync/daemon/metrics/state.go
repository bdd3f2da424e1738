package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"assetsync/sync/daemon"
)

// state collects how a daemon does at the moment of a scrape.
type state struct{ m *Metrics }

var (
	targetState = desc("target_state", "1 for the state that a target is in, 0 for the others.", "target", "state")
	pending     = desc("pending_paths", "Paths that others changed on the remote and that were not taken here.", "target")
	watches     = desc("watches", "Targets by how their files are watched: native, poll, or none.", "mode")
	directories = desc("watched_directories", "Directories that are watched or polled.", "mode")
	remoteUp    = desc("remote_up", "1 while the remote answers and takes the credentials.")
	configOK    = desc("config_current", "1 while the newest config is in use, 0 while an older one is.")
	startTime   = desc("start_time_seconds", "When the daemon began, in seconds since 1970.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{targetState, pending, watches, directories, remoteUp, configOK, startTime} {
		to <- d
	}
}

// Collect implements [prometheus.Collector]. Without a daemon there is nothing
// to tell.
func (s *state) Collect(to chan<- prometheus.Metric) {
	s.m.mu.Lock()
	health := s.m.health
	s.m.mu.Unlock()
	if health == nil {
		return
	}
	h := health()
	s.m.forget(h.Targets)
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(remoteUp, truth(h.Remote.State == daemon.InStep))
	gauge(configOK, truth(h.Config == ""))
	gauge(startTime, float64(h.Since.UnixMilli())/1000)
	s.collectTargets(h.Targets, gauge)
	modes, dirs := map[string]int{"native": 0, "poll": 0, "none": 0}, map[string]int{"native": 0, "poll": 0}
	for _, v := range h.Targets {
		if v.Watch.Mode == "" {
			modes["none"]++
			continue
		}
		modes[string(v.Watch.Mode)]++
		dirs[string(v.Watch.Mode)] += v.Watch.Directories
	}
	for mode, n := range modes {
		gauge(watches, float64(n), mode)
	}
	for mode, n := range dirs {
		gauge(directories, float64(n), mode)
	}
}

// collectTargets tells of each target; those without a label of their own are
// added up.
func (s *state) collectTargets(views []daemon.View, gauge func(*prometheus.Desc, float64, ...string)) {
	states, paths := map[string]map[daemon.State]int{}, map[string]int{}
	for _, v := range views {
		target := s.m.label(v.Target)
		if states[target] == nil {
			states[target] = map[daemon.State]int{}
		}
		states[target][v.State]++
		paths[target] += len(v.Result.Pending)
	}
	for target, in := range states {
		for _, one := range daemon.States() {
			gauge(targetState, float64(in[one]), target, stateLabel(one))
		}
		gauge(pending, float64(paths[target]), target)
	}
}

func stateLabel(s daemon.State) string { return strings.ReplaceAll(string(s), " ", "_") }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
