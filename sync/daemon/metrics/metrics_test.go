package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"assetsync/remote"
	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/watcher"
)

// used are metrics that have counted something of every kind.
func used() *Metrics {
	m := New(Build{Version: "v1.2.3", Commit: "abc", Go: "go1.26"})
	m.Observe(func() daemon.Health {
		return daemon.Health{
			Summary: "1 in step, 1 blocked", Since: time.Unix(1800000000, 0), Remote: daemon.RemoteView{State: daemon.InStep},
			Targets: []daemon.View{
				{Target: "skills/one", State: daemon.InStep, Watch: watcher.RootHealth{Mode: watcher.Native, Directories: 3},
					Result: assetsync.Result{Pending: make([]assetsync.ChangeReport, 2)}},
				{Target: "skills/two", State: daemon.AuthExpired},
			},
		}
	})
	m.Looked(assetsync.Result{Target: "skills/one", Outcome: assetsync.Published, Versions: []int32{4, 5}}, 300*time.Millisecond)
	m.Looked(assetsync.Result{Target: "skills/one", Outcome: assetsync.Unchanged}, 0)
	m.Looked(assetsync.Result{Target: "skills/two", Outcome: assetsync.Failed}, 0)
	m.Called("GetAsset", 40*time.Millisecond, nil)
	m.Called("GetAsset", time.Second, &remote.Error{Kind: remote.KindThrottling})
	m.Called("UpdateAsset", time.Second, &remote.Error{Kind: "SomethingThatNobodyKnows\n\x1b[31m"})
	m.Called("UpdateAsset", time.Second, errors.New("no answer"))
	m.Waited("rate", 250*time.Millisecond)
	m.Waited("rate", 250*time.Millisecond)
	return m
}

// TestLint asks Prometheus' own linter.
func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(used().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetrics(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"build": {"assetsync_build_info", `
# HELP assetsync_build_info Which program this is; always 1.
# TYPE assetsync_build_info gauge
assetsync_build_info{commit="abc",goversion="go1.26",version="v1.2.3"} 1
`},
		"publishes by target and result": {"assetsync_publishes_total", `
# HELP assetsync_publishes_total Looks at a target that may publish or check out, by what they came to; unchanged wrote nothing.
# TYPE assetsync_publishes_total counter
assetsync_publishes_total{result="failed",target="skills/two"} 1
assetsync_publishes_total{result="published",target="skills/one"} 1
assetsync_publishes_total{result="unchanged",target="skills/one"} 1
`},
		"versions": {"assetsync_versions_published_total", `
# HELP assetsync_versions_published_total Versions made of a target.
# TYPE assetsync_versions_published_total counter
assetsync_versions_published_total{target="skills/one"} 2
`},
		"calls; what the service says is no label": {"assetsync_api_calls_total", `
# HELP assetsync_api_calls_total Calls of the service by operation, and ok or the kind of the error.
# TYPE assetsync_api_calls_total counter
assetsync_api_calls_total{operation="GetAsset",result="ok"} 1
assetsync_api_calls_total{operation="GetAsset",result="throttling"} 1
assetsync_api_calls_total{operation="UpdateAsset",result="error"} 1
assetsync_api_calls_total{operation="UpdateAsset",result="unexpected"} 1
`},
		"waits": {"assetsync_throttled_wait_seconds_total", `
# HELP assetsync_throttled_wait_seconds_total How long requests waited, by the same reasons.
# TYPE assetsync_throttled_wait_seconds_total counter
assetsync_throttled_wait_seconds_total{reason="rate"} 0.5
`},
		"pending": {"assetsync_pending_paths", `
# HELP assetsync_pending_paths Paths that others changed on the remote and that were not taken here.
# TYPE assetsync_pending_paths gauge
assetsync_pending_paths{target="skills/one"} 2
assetsync_pending_paths{target="skills/two"} 0
`},
		"watches": {"assetsync_watches", `
# HELP assetsync_watches Targets by how their files are watched: native, poll, or none.
# TYPE assetsync_watches gauge
assetsync_watches{mode="native"} 1
assetsync_watches{mode="none"} 1
assetsync_watches{mode="poll"} 0
`},
		"remote": {"assetsync_remote_up", `
# HELP assetsync_remote_up 1 while the remote answers and takes the credentials.
# TYPE assetsync_remote_up gauge
assetsync_remote_up 1
`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := testutil.GatherAndCompare(used().registry, strings.NewReader(tt.want), tt.name); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStates holds that a target is in exactly one of the states, each of which
// is a series.
func TestStates(t *testing.T) {
	got := gathered(t, used(), "assetsync_target_state")
	if n := len(got); n != 2*len(daemon.States()) {
		t.Errorf("%d series of 2 targets and %d states", n, len(daemon.States()))
	}
	var in []string
	for series, v := range got {
		if v == 1 {
			in = append(in, series)
		}
	}
	slices.Sort(in)
	want := []string{"state=auth_expired target=skills/two", "state=in_step target=skills/one"}
	if d := cmp.Diff(want, in); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
}

// gathered returns the values of a metric by its labels, in their order.
func gathered(t *testing.T, m *Metrics, name string) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, one := range f.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			values[strings.Join(labels, " ")] = one.GetGauge().GetValue() + one.GetCounter().GetValue()
		}
	}
	return values
}

// TestBounds holds the number of labels down, whatever a config yields, and
// that targets which are gone are forgotten.
func TestBounds(t *testing.T) {
	m := New(Build{})
	var views []daemon.View
	for i := range maxTargets + 50 {
		name := fmt.Sprintf("skills/s%d", i)
		views = append(views, daemon.View{Target: name, State: daemon.InStep})
		m.Looked(assetsync.Result{Target: name, Outcome: assetsync.Published}, 0)
	}
	m.Observe(func() daemon.Health { return daemon.Health{Targets: views} })
	published := gathered(t, m, "assetsync_publishes_total")
	if n, others := len(published), published["result=published target="+otherTargets]; n != maxTargets+1 || others != 50 {
		t.Errorf("%d series, of which the others have %v, want %d and 50", n, others, maxTargets+1)
	}
	if n := gathered(t, m, "assetsync_target_state")["state=in_step target="+otherTargets]; n != 50 {
		t.Errorf("%v of the others are in step, want 50", n)
	}
	views = views[:1]
	gathered(t, m, "") // a scrape
	if got := gathered(t, m, "assetsync_publishes_total"); len(got) != 2 {
		t.Errorf("after all but one are gone: %v", got)
	}
}

// TestNothingRuns is a scrape between two daemons.
func TestNothingRuns(t *testing.T) {
	m := used()
	m.Observe(nil)
	if got := gathered(t, m, "assetsync_target_state"); len(got) != 0 {
		t.Errorf("states without a daemon: %v", got)
	}
}

// names are all metrics as a query names them.
func names(t *testing.T) []string {
	t.Helper()
	families, err := used().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		all = append(all, f.GetName())
		if f.GetType().String() == "HISTOGRAM" {
			all = append(all, f.GetName()+"_bucket", f.GetName()+"_sum", f.GetName()+"_count")
		}
	}
	return all
}

var metricName = regexp.MustCompile(`\b(assetsync|process|go)_[a-z0-9_]+`)

// TestDashboard reads the dashboard that people import: it is one, every panel
// asks for something, and what it asks for exists.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile("../../../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title, UID    string
		SchemaVersion int
		Panels        []struct {
			Title, Type string
			ID          int
			GridPos     struct{ H, W, X, Y int }
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	if board.Title == "" || board.UID == "" || board.SchemaVersion < 36 || len(board.Panels) < 8 {
		t.Errorf("it is no dashboard: %+v", board)
	}
	known := names(t)
	check := func(where, expr string) {
		found := metricName.FindAllString(expr, -1)
		if len(found) == 0 {
			t.Errorf("%s asks for no metric: %q", where, expr)
		}
		for _, name := range found {
			if !slices.Contains(known, name) {
				t.Errorf("%s asks for %s, which does not exist", where, name)
			}
		}
	}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q: two of one id, no place, or nothing asked for: %+v", p.Title, p)
		}
		ids[p.ID] = true
		for _, q := range p.Targets {
			check("panel "+p.Title, q.Expr)
		}
	}
	for _, v := range board.Templating.List {
		if v.Type == "query" {
			check("variable "+v.Name, v.Query)
		}
	}
}

// TestMetricsAreDocumented holds the table of the manual to what there is.
func TestMetricsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../../docs/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := used().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), namespace+"_") {
			want = append(want, f.GetName())
		}
	}
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(assetsync_[a-z_]+)").FindAllStringSubmatch(string(data), -1) {
		got = append(got, m[1])
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("metrics in docs/daemon.md (-want +got):\n%s", d)
	}
}
