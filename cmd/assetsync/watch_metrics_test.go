//go:build unix

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestWatchMetrics asks a daemon for its metrics, and starts another one at the
// same address, which says so and does nothing.
func TestWatchMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.start("--metrics", "0")
	var url string
	for line := range strings.Lines(w.logText()) {
		var entry struct{ Msg, URL string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "metrics" {
			url = entry.URL
		}
	}
	addr, ok := strings.CutSuffix(strings.TrimPrefix(url, "http://"), "/metrics")
	if !ok || !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Fatalf("the log names %q, want an address of this machine\n%s", url, w.logText())
	}
	w.until("it is counted", func() string {
		text, err := fetch(url)
		if err != nil {
			return err.Error()
		}
		for _, want := range []string{
			`assetsync_publishes_total{result="created",target="skills/one"} 1`,
			`assetsync_target_state{state="in_step",target="skills/one"} 1`,
			`assetsync_api_calls_total{operation="CreateAsset",result="ok"} 1`,
			`assetsync_api_call_duration_seconds_count{operation="CreateAsset"} 1`,
			`assetsync_watches{mode="native"} 1`,
			`assetsync_build_info{`,
		} {
			if !strings.Contains(text, "\n"+want) {
				return "there is no " + want + " in\n" + text
			}
		}
		return ""
	})
	if text, err := fetch("http://" + addr + "/healthz"); err != nil || text != "1 in step\n" {
		t.Errorf("health: %q, %v", text, err)
	}
	other := newWorld(t, "", "two")
	_, errs, code := other.run("watch", "--log-format", "console", "--metrics", addr)
	if code != 2 || !strings.Contains(errs, "serve metrics on "+addr) || !strings.Contains(errs, "hint: choose another --metrics") {
		t.Errorf("at an address that is taken it ends with %d:\n%s", code, errs)
	}
	if assets, err := other.remote.assets(); err != nil || len(assets) > 0 {
		t.Errorf("it published %v before it said so, %v", assets, err)
	}
}

func fetch(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}
