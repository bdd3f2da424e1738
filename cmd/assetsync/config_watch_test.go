package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWatchSettings(t *testing.T) {
	tests := []struct {
		name, config string
		want         WatchSettings
	}{
		{"nothing set", "endpoint: embedded\n",
			WatchSettings{"auto", 100 * time.Millisecond, 5 * time.Second, 5 * time.Second, 30 * time.Second}},
		{"one key", "watch: {settle: 1s}\n",
			WatchSettings{"auto", time.Second, 5 * time.Second, 5 * time.Second, 30 * time.Second}},
		{"every key", "watch: {mode: native, settle: 1m, max_wait: 1m30s, idle: 0.5h, poll_remote: 5s}\n",
			WatchSettings{"native", time.Minute, 90 * time.Second, 30 * time.Minute, 5 * time.Second}},
		{"the least", "watch: {mode: poll, settle: 10ms, max_wait: 10ms, idle: 100ms, poll_remote: 5s}\n",
			WatchSettings{"poll", 10 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second}},
		{"the most", "watch: {settle: 1m, max_wait: 10m, idle: 1h, poll_remote: 1h}\n",
			WatchSettings{"auto", time.Minute, 10 * time.Minute, time.Hour, time.Hour}},
		{"settle as long as max_wait is unless set", "watch: {settle: 5s}\n",
			WatchSettings{"auto", 5 * time.Second, 5 * time.Second, 5 * time.Second, 30 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseFixture(t, tt.config).Watch()); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWatchErrors(t *testing.T) {
	const aTime = "want a time with its unit (ms, s, m or h) as 100ms or 5s, got "
	tests := []struct{ name, config, want string }{
		{"unknown mode", "watch: {mode: nativ}\n", `assetsync.yaml:1:15: watch.mode: "nativ" is unknown; did you mean "native"?`},
		{"mode like none", "watch: {mode: fsevents}\n", `assetsync.yaml:1:15: watch.mode: "fsevents" is unknown; known: auto, native and poll`},
		{"number without a unit", "watch: {settle: 100}\n", "assetsync.yaml:1:17: watch.settle: " + aTime + "the number 100"},
		{"fraction without a unit", "watch: {idle: 0.5}\n", "assetsync.yaml:1:15: watch.idle: " + aTime + "the number 0.5"},
		{"text without a unit", "watch: {max_wait: \"5\"}\n", "assetsync.yaml:1:19: watch.max_wait: " + aTime + `the text "5"`},
		{"unknown unit", "watch: {poll_remote: 1d}\n", "assetsync.yaml:1:22: watch.poll_remote: " + aTime + `the text "1d"`},
		{"words", "watch: {settle: 5 seconds}\n", "assetsync.yaml:1:17: watch.settle: " + aTime + `the text "5 seconds"`},
		{"too long for a number", "watch: {settle: 9999999999h}\n", "assetsync.yaml:1:17: watch.settle: " + aTime + `the text "9999999999h"`},
		{"time without value", "watch: {settle: }\n",
			"assetsync.yaml:1:16: watch.settle: has no value: want a time with its unit (ms, s, m or h) as 100ms or 5s, or remove the key"},
		{"time as a list", "watch: {settle: [5s]}\n", "assetsync.yaml:1:17: watch.settle: " + aTime + "a list"},
		{"unknown key", "watch: {setle: 5s}\n", `assetsync.yaml:1:9: watch: unknown key "setle"; did you mean "settle"?`},
		{"short settle", "watch: {settle: 9ms}\n", "assetsync.yaml:1:17: watch.settle: want 10ms or more, got 9ms"},
		{"negative settle", "watch: {settle: -5s}\n", "assetsync.yaml:1:17: watch.settle: want 10ms or more, got -5s"},
		{"long settle", "watch: {settle: 61s, max_wait: 2m}\n", "assetsync.yaml:1:17: watch.settle: want 1m or less, got 1m1s"},
		{"long settle alone", "watch: {settle: 2h}\n", "assetsync.yaml:1:17: watch.settle: want 1m or less, got 2h"},
		{"max_wait below settle", "watch: {settle: 2s, max_wait: 1s}\n", "assetsync.yaml:1:31: watch.max_wait: want 2s (watch.settle) or more, got 1s"},
		{"max_wait below the settle of no config", "watch: {max_wait: 50ms}\n", "assetsync.yaml:1:19: watch.max_wait: want 100ms (watch.settle) or more, got 50ms"},
		{"negative max_wait", "watch: {max_wait: -1s}\n", "assetsync.yaml:1:19: watch.max_wait: want 100ms (watch.settle) or more, got -1s"},
		{"settle above the max_wait of no config", "watch: {settle: 6s}\n", "assetsync.yaml:1:17: watch.settle: 6s is more than watch.max_wait, which is 5s unless set"},
		{"long max_wait", "watch: {max_wait: 10m1ms}\n", "assetsync.yaml:1:19: watch.max_wait: want 10m or less, got 10m0.001s"},
		{"short idle", "watch: {idle: 99ms}\n", "assetsync.yaml:1:15: watch.idle: want 100ms or more, got 99ms"},
		{"long idle", "watch: {idle: 61m}\n", "assetsync.yaml:1:15: watch.idle: want 1h or less, got 1h1m"},
		{"short poll_remote", "watch: {poll_remote: 4s}\n", "assetsync.yaml:1:22: watch.poll_remote: want 5s or more, got 4s"},
		{"long poll_remote", "watch: {poll_remote: 2h}\n", "assetsync.yaml:1:22: watch.poll_remote: want 1h or less, got 2h"},
		{"unknown line ends", "targets: [{path: a, text: crlf}]\n", `assetsync.yaml:1:27: targets[0].text: "crlf" is unknown; known: exact and lf`},
		{"unknown time to publish", "targets: [{path: a, publish: {when: idel}}]\n", `assetsync.yaml:1:37: targets[0].publish.when: "idel" is unknown; did you mean "idle"?`},
		{"time to publish like none", "targets: [{path: a, publish: {when: hourly}}]\n",
			`assetsync.yaml:1:37: targets[0].publish.when: "hourly" is unknown; known: save, idle, commit and manual`},
		{"time to publish as a list", "targets: [{path: a, publish: {when: [save]}}]\n", "assetsync.yaml:1:37: targets[0].publish.when: want a text, got a list"},
		{"more versions than are counted", "targets: [{path: a, publish: {max_versions_per_hour: 21}}]\n",
			"assetsync.yaml:1:54: targets[0].publish.max_versions_per_hour: want 20 or less, got 21: the state counts no more of them"},
		{"fewer versions than none", "targets: [{path: a, publish: {max_versions_per_hour: -1}}]\n",
			"assetsync.yaml:1:54: targets[0].publish.max_versions_per_hour: want 0 or more, got -1"},
		{"branch as a number", "targets: [{path: a, branch: 1.0}]\n", "assetsync.yaml:1:29: targets[0].branch: want a text, got the number 1.0: put it in quotes"},
		{"empty branch", "targets: [{path: a, branch: \"\"}]\n", "assetsync.yaml:1:29: targets[0].branch: is empty: give a value or remove the key"},
		{"branch with a space", "targets: [{path: a, branch: my main}]\n",
			`assetsync.yaml:1:29: targets[0].branch: "my main" is no branch name: it holds a space or one of ~ ^ : ? * [ \`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseConfig([]byte(tt.config), ConfigName)
			wantUsage(t, err, tt.want)
		})
	}
}

func TestBranchFault(t *testing.T) {
	for _, name := range []string{"main", "release/1.x", "a-b_c", "feature/#12", "ünï/€", "a@b", "x.locked/y", "origin/main", "refs", strings.Repeat("a", 300)} {
		if got := branchFault(name); got != "" {
			t.Errorf("%q %s, want no fault", name, got)
		}
	}
	bad := map[string][]string{
		`is a ref: want the branch's name, "main"`:        {"refs/heads/main"},
		"is no branch: it stands for what is checked out": {"HEAD", "@"},
		"is no branch name: it begins with -":             {"-", "-b", "--all"},
		`is no branch name: it holds a space or one of ~ ^ : ? * [ \`: {
			"a b", "a\tb", "a\x7fb", "main~1", "main^", "a:b", "a?", "rel/*", "a[b", `a\b`},
		"is no branch name: it holds .. or @{":                                           {"a..b", "..", "main@{1}"},
		"is no branch name: a part of it is empty, begins with a dot or ends with .lock": {"/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b"},
		"is no branch name: it ends with a dot":                                          {"a.", "a/b."},
	}
	for want, names := range bad {
		for _, name := range names {
			if got := branchFault(name); got != want {
				t.Errorf("%q: got %q, want %q", name, got, want)
			}
		}
	}
}

func TestGlobBases(t *testing.T) {
	tests := []struct {
		name  string
		paths []string
		want  []string // below the directory of the config
	}{
		{"none", nil, nil},
		{"names only", []string{"skills/a", "ops/AGENTS.md"}, nil},
		{"one", []string{"skills/**"}, []string{"skills"}},
		{"sorted, once each", []string{"b/*", "a/x/*", "b/**"}, []string{"a/x", "b"}},
		{"below another", []string{"a/b/*", "a-b/*", "a/*", "a/c/d/**"}, []string{"a", "a-b"}},
		{"the config's directory", []string{"skills/*", "*"}, []string{"."}},
		{"choices of directories", []string{"{skills,ops}/*"}, []string{"."}},
		{"odd ways to write it", []string{"./a//b/../c/*", "d/./*"}, []string{"a/c", "d"}},
		{"an escaped sign", []string{`a\[1]/*`}, []string{"a[1]"}},
		{"a name beside a glob in it", []string{"a", "a/b/*"}, []string{"a/b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c := &Config{Dir: dir}
			for _, p := range tt.paths {
				c.Targets = append(c.Targets, TargetConfig{Path: value[string]{p, pos{1, 1}}})
			}
			var want []string
			for _, name := range tt.want {
				want = append(want, filepath.Join(dir, filepath.FromSlash(name)))
			}
			if diff := cmp.Diff(want, c.GlobBases()); diff != "" {
				t.Errorf("bases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMainFiles(t *testing.T) {
	tests := []struct {
		name, targets string
		want          []string
	}{
		{"none", "[]", nil},
		{"types told by the files", "[{path: 'a/**'}, {path: 'b/*', type: skill}]", []string{"AGENT.md", "AGENTS.md", "SKILL.md"}},
		{"types given", "[{path: 'a/**', type: skill}, {path: ops, type: agents_md}]", []string{"AGENTS.md", "SKILL.md"}},
		{"types that are pulled", "[{path: 'a/**', type: feedback}]", []string{"FEEDBACK.md"}},
		{"single files", "[{path: 'a/*', type: attachment}]", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parseFixture(t, "targets: "+tt.targets).MainFiles()); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}
