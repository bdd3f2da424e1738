package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assetsync/sync/state"
)

// soundSystem has no trouble, and no systemd.
func soundSystem() system {
	return system{
		watchLimit: func() (int, string) { return 1000, "raise it" }, fileSystem: func(string) string { return "" },
		exchanges:  func(string) (bool, error) { return true, nil },
		run:        func(context.Context, string, ...string) (string, error) { return "git version 2.50.0", nil },
		hasSystemd: func() bool { return false },
	}
}

const doctorConfig = "endpoint: embedded\ntargets:\n  - path: skills/**\n    type: skill\n    metadata: {agent_types: [GENERIC]}\n"

// newDoctor is a doctor of a directory with a config, and one skill.
func newDoctor(t *testing.T, config string) *doctor {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, ConfigName), config)
	writeFile(t, filepath.Join(dir, "skills", "one", "SKILL.md"), "---\nname: one\ndescription: Look at the age of the backlog when workers fall behind.\n---\nSteps.\n")
	a := &app{
		stdout: io.Discard, stderr: io.Discard, cwd: dir, now: time.Now, timeout: time.Minute, command: "doctor", prepared: true,
		getenv: func(string) (string, bool) { return "", false }, worktrees: &worktrees{},
	}
	var err error
	if a.log, err = newLogger(io.Discard, a.logLevel(0), "console"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.worktrees.close(); err != nil {
			t.Error(err)
		}
	})
	return &doctor{app: a, system: soundSystem(), counts: map[string]any{}}
}

// stateOf makes the state directory with a state, changed by change.
func stateOf(t *testing.T, d *doctor, change func(state.Tx, state.Space) error) string {
	t.Helper()
	dir := filepath.Join(d.cwd, stateDirName)
	db, err := state.Open(filepath.Join(dir, "state.db"), state.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx state.Tx) error { return change(tx, state.Space{Endpoint: "embedded"}) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("git %s: %v\n%s", args, err, out)
	}
}

// TestDoctorChecks makes each check fail that needs no remote; doctor.txtar has the
// others.
func TestDoctorChecks(t *testing.T) {
	const ofCommits = "endpoint: embedded\ntargets:\n  - path: skills/**\n    type: skill\n    metadata: {agent_types: [GENERIC]}\n    publish: {when: commit}\n"
	programs := func(out map[string]string) func(context.Context, string, ...string) (string, error) {
		return func(_ context.Context, name string, args ...string) (string, error) {
			text, ok := out[strings.Join(append([]string{name}, args[:min(len(args), 2)]...), " ")]
			if !ok {
				return "", errors.New("exit status 1")
			}
			return text, nil
		}
	}
	units := func(enabled, active string) func(*testing.T, *doctor) {
		return func(_ *testing.T, d *doctor) {
			d.system.hasSystemd = func() bool { return true }
			d.system.run = programs(map[string]string{"systemctl --user is-enabled": enabled, "systemctl --user is-active": active})
		}
	}
	repository := func(t *testing.T, d *doctor) {
		git(t, d.cwd, "init", "-q")
		git(t, d.cwd, "add", ".")
		git(t, d.cwd, "commit", "-qm", "one")
	}
	tests := []struct {
		name   string
		config string
		setup  func(*testing.T, *doctor)
		check  string
		state  checkState
		says   string
		code   int
	}{
		{"sound", doctorConfig, nil, "config", checkOK, "assetsync.yaml: 1 target", 0},
		{"unknown key", doctorConfig + "retries: 3\n", nil, "config", checkFailed, "unknown key", 2},
		{"several environments", "environments: {a: {endpoint: embedded}, b: {endpoint: embedded}}\n", nil, "config", checkFailed, "has several environments", 2},
		{"a path that is gone", "endpoint: embedded\ntargets: [{path: none, type: skill}]\n", nil, "config", checkFailed, "does not exist", 2},
		{"no target", "endpoint: embedded\n", nil, "config", checkWarning, "has no target", 0},

		{"enough watches", doctorConfig, nil, "watches", checkOK, "1 directory to watch, of 1000", 0},
		{"too few watches", doctorConfig, func(t *testing.T, d *doctor) {
			writeFile(t, filepath.Join(d.cwd, "skills", "one", "references", "a.md"), "a")
			d.system.watchLimit = func() (int, string) { return 1, "raise it" }
		}, "watches", checkWarning, "2 directories, and this user may watch 1", 0},
		{"network file system", doctorConfig, func(_ *testing.T, d *doctor) { d.system.fileSystem = func(string) string { return "NFS" } }, "file system", checkWarning, "lies on NFS", 0},
		{"no exchange", doctorConfig, func(t *testing.T, d *doctor) {
			stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			d.system.exchanges = func(string) (bool, error) { return false, nil }
		}, "file system", checkWarning, "cannot be swapped", 0},
		{"state that cannot be written", doctorConfig, func(t *testing.T, d *doctor) {
			stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			d.system.exchanges = func(string) (bool, error) { return false, os.ErrPermission }
		}, "file system", checkFailed, "cannot be written", 1},
		{"exchange that is tried", doctorConfig, func(t *testing.T, d *doctor) {
			stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			d.system.exchanges = exchangesIn
		}, "file system", checkOK, "names that differ by case", 0},

		{"no git", doctorConfig, func(_ *testing.T, d *doctor) { d.system.run = programs(nil) }, "git", checkOK, "not installed", 0},
		{"a repository without git", doctorConfig, func(t *testing.T, d *doctor) { repository(t, d); d.system.run = programs(nil) }, "git", checkWarning, "cannot be run", 0},
		{"a repository", doctorConfig, repository, "git", checkOK, "git version 2.50.0, repository", 0},
		{"broken repository", doctorConfig, func(t *testing.T, d *doctor) { writeFile(t, filepath.Join(d.cwd, ".git"), "gitdir: /nowhere\n") }, "git", checkFailed, "nowhere", 1},
		{"shallow clone", doctorConfig, func(t *testing.T, d *doctor) {
			repository(t, d)
			writeFile(t, filepath.Join(d.cwd, ".git", "shallow"), strings.Repeat("a", 40)+"\n")
		}, "git", checkWarning, "shallow", 0},
		{"merge in progress", doctorConfig, func(t *testing.T, d *doctor) {
			repository(t, d)
			writeFile(t, filepath.Join(d.cwd, ".git", "MERGE_HEAD"), strings.Repeat("a", 40)+"\n")
		}, "git", checkWarning, "in progress", 0},

		{"no hook", ofCommits, repository, "hook", checkWarning, "no hook is installed", 0},
		{"foreign hook", ofCommits, func(t *testing.T, d *doctor) {
			repository(t, d)
			writeFile(t, filepath.Join(d.cwd, ".git", "hooks", "post-commit"), "#!/bin/sh\nexit 0\n")
		}, "hook", checkWarning, "post-commit of others", 0},

		{"no unit", doctorConfig, units("disabled", "inactive"), "unit", checkOK, "none runs", 0},
		{"unit that runs", doctorConfig, units("enabled", "active"), "unit", checkOK, "is active", 0},
		{"unit that does not run", doctorConfig, units("enabled", "inactive"), "unit", checkWarning, "is enabled and not running", 0},
		{"unit that failed", doctorConfig, units("enabled", "failed"), "unit", checkFailed, "has failed", 1},
		{"no session", doctorConfig, func(_ *testing.T, d *doctor) {
			d.system.hasSystemd = func() bool { return true }
			d.system.run = programs(nil)
		}, "unit", checkWarning, "does not answer", 0},

		{"no state", doctorConfig, nil, "state", checkOK, "none yet", 0},
		{"sound state", doctorConfig, func(t *testing.T, d *doctor) { stateOf(t, d, func(state.Tx, state.Space) error { return nil }) }, "state", checkOK, "all records are sound", 0},
		{"state that others read", doctorConfig, func(t *testing.T, d *doctor) {
			dir := stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, "state", checkWarning, "can be read by others", 0},
		{"damaged state", doctorConfig, func(t *testing.T, d *doctor) {
			dir := stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			writeFile(t, filepath.Join(dir, "state.db"), strings.Repeat("garbage ", 9999))
		}, "state", checkFailed, "state.db", 1},
		{"damaged state that others can read", doctorConfig, func(t *testing.T, d *doctor) {
			dir := stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "state.db"), strings.Repeat("garbage ", 9999))
		}, "state", checkFailed, "state.db", 1},
		{"faulty record", doctorConfig, func(t *testing.T, d *doctor) {
			stateOf(t, d, func(tx state.Tx, s state.Space) error {
				return tx.PutTarget(s, "skills/one", state.Target{AssetID: "ki-1"})
			})
		}, "state", checkFailed, "nothing is known of its asset ki-1", 1},
		{"write in doubt", doctorConfig, func(t *testing.T, d *doctor) {
			stateOf(t, d, func(tx state.Tx, s state.Space) error {
				in := state.Intent{Nonce: "a", Observed: 1, AssetID: "ki-1", Started: time.Now(), Until: time.Now().Add(time.Minute), Doubt: true}
				return errors.Join(tx.PutAsset(s, "ki-1", state.Asset{Version: 1}), tx.PutTarget(s, "skills/one", state.Target{AssetID: "ki-1", Intents: []state.Intent{in}}))
			})
		}, "state", checkWarning, "a write of skills/one was sent", 0},
		{"damaged history", doctorConfig, func(t *testing.T, d *doctor) {
			dir := stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			writeFile(t, filepath.Join(dir, "history.git", "HEAD"), "garbage")
		}, "state", checkFailed, "history", 1},
		{"state in use", doctorConfig, func(t *testing.T, d *doctor) {
			dir := stateOf(t, d, func(state.Tx, state.Space) error { return nil })
			db, err := state.Open(filepath.Join(dir, "state.db"), state.Owner{PID: 7, Command: "push"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}, "state", checkWarning, "in use", 0},

		{"files", doctorConfig, nil, "files", checkOK, "all of 1 target can be published", 0},
		{"name that cannot be", doctorConfig, func(t *testing.T, d *doctor) {
			writeFile(t, filepath.Join(d.cwd, "skills", "one", "größe.md"), "x")
		}, "files", checkFailed, "größe.md", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoctor(t, tt.config)
			if tt.setup != nil {
				tt.setup(t, d)
			}
			d.look(t.Context())
			var got *checkReport
			for i, c := range d.checks {
				if c.Check == tt.check && got == nil {
					got = &d.checks[i]
				}
			}
			if got == nil || got.State != tt.state || !strings.Contains(got.Detail, tt.says) || got.code != tt.code {
				t.Fatalf("got %+v, want %s: %s (%d)\n%+v", got, tt.state, tt.says, tt.code, d.checks)
			}
			if (got.State == checkOK) != (got.Fix == "") && tt.check != "config" {
				t.Errorf("fix %q of a check that is %s", got.Fix, got.State)
			}
			if err := d.finish(""); err != nil || d.code != tt.code {
				t.Errorf("exit code %d, %v, want %d", d.code, err, tt.code)
			}
		})
	}
}

func TestDoctorClock(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		state checkState
		says  string
	}{
		"Fri, 27 Nov 2026 12:00:00 GMT": {checkOK, "right to 1s"},
		"Fri, 27 Nov 2026 11:59:10 GMT": {checkOK, "right to 50s"},
		"Fri, 27 Nov 2026 11:58:00 GMT": {checkWarning, "2m0s ahead"},
		"Fri, 27 Nov 2026 12:04:59 GMT": {checkWarning, "4m59s behind"},
		"Fri, 27 Nov 2026 12:05:00 GMT": {checkFailed, "5m0s behind"},
	}
	for date, want := range tests {
		d := newDoctor(t, doctorConfig)
		d.checkClock(date, now)
		if len(d.checks) != 1 || d.checks[0].State != want.state || !strings.Contains(d.checks[0].Detail, want.says) {
			t.Errorf("%s: %+v, want %s: %s", date, d.checks, want.state, want.says)
		}
	}
	d := newDoctor(t, doctorConfig)
	if d.checkClock("yesterday", now); len(d.checks) != 0 {
		t.Errorf("%+v", d.checks)
	}
}

// TestDoctorBundle looks for what a report must not tell.
func TestDoctorBundle(t *testing.T) {
	const password = "tR5kQ0zWn2Lx8vB1"
	d := newDoctor(t, "region: eu-west-1\nagent_space: sp-1a2b3c4d\naccount: \"123456789012\"\nprofile: jane\nrole_arn: arn:aws:iam::210987654321:role/a\ntargets:\n  - path: skills/**\n    type: skill\n    metadata: {note: 'password: "+password+"'}\n"+
		"notify:\n  # for T0opaque\n  command: [./tell.sh, --key, c0mmand-key]\n\n  webhook: https://chat.example/hooks/T0opaque\nwatch: {mode: poll}\n")
	t.Setenv("HOME", filepath.Dir(d.cwd))
	dir := stateOf(t, d, func(tx state.Tx, s state.Space) error { return nil })
	const cut = "c0tOfFwHeRetHeBuNdLeBeGiNs" // of a line that the end of the log begins in
	rest := "account 123456789012 in " + d.cwd + "\ntoken: ghp_aB3dE6fG7hI8jK9lM0nO1pQ2rS3tU4vW5xY6\n"
	filler := strings.Repeat("x", maxBundledLog-len(cut)-len("\n\n")-len(rest)) + "\n"
	writeFile(t, hookLogFile(dir), "old\npassword: "+cut+"\n"+filler+rest)
	if !d.checkConfig(t.Context()) {
		t.Fatalf("%+v", d.checks)
	}
	d.who = "123456789012"
	d.ok("credentials", "arn:aws:iam::123456789012:user/jane with AKIAIOSFODNN7EXAMPLE in %s", d.cwd)
	d.ok("session", "arn:aws:sts::123456789012:assumed-role/Admin/ada@example.com, region eu-west-1")
	d.failBy("proxy", fmt.Errorf("connect by https://ada:%s@proxy.example: refused", password))
	d.space, d.env.Profile = "sp-1a2b", `j"<e`
	d.ok("profile", "%s of sp-1a2b3c4d", d.env.Profile)
	d.checkState(t.Context())
	name := filepath.Join(t.TempDir(), "b.zip")
	if err := d.writeBundle(name); err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(data)
		for _, private := range []string{"123456789012", "210987654321", "sp-1a2b3c4d", "jane", password, "ghp_", "AKIA", cut, "c0mmand-key", "T0opaque", "ada@example.com", "3c4d", `j\"`, filepath.Dir(d.cwd), "age of the backlog"} {
			if bytes.Contains(data, []byte(private)) {
				t.Errorf("%s tells %s:\n%s", f.Name, private, data)
			}
		}
	}
	for file, want := range map[string]string{
		"version.txt": "assetsync ", "doctor.json": `"check": "credentials"`, ConfigName: "watch: {mode: poll}", "hook.log": "account ACCOUNT in ~/",
	} {
		if !strings.Contains(files[file], want) {
			t.Errorf("%s lacks %q:\n%s", file, want, files[file])
		}
	}
	if len(files["hook.log"]) > maxBundledLog+100 {
		t.Errorf("the log has %d bytes", len(files["hook.log"]))
	}
	var report struct{ Counts struct{ State state.Summary } }
	if err := json.Unmarshal([]byte(files["doctor.json"]), &report); err != nil {
		t.Error(err)
	}
	if err := d.writeBundle(name); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("over a file: %v", err)
	}
}
