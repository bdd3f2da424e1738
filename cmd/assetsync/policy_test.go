//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
)

// TestPolicyPlan runs every verb that only looks, over every kind of change:
// they call what the policy allows, all of it, and nothing that writes.
func TestPolicyPlan(t *testing.T) {
	h := newPolicyHome(t)
	h.save("ops/AGENTS.md", "# Rules\n")
	h.save("files/topology.csv", "a,b\n")
	h.skill("same", "SKILL.md")
	h.skill("few", "SKILL.md", "changed.md", "deleted.md", "theirs.md", "both.md", "x.md", "y.md", "z.md")
	h.skill("many", "SKILL.md", "a.md", "b.md", "c.md", "d.md", "e.md", "f.md", "g.md", "h.md")
	h.skill("facts", "SKILL.md")
	h.run(0, "push")

	// Here and there, and in a clone that has no state.
	h.run(0, "pull", "skills/few", "--to", h.path("theirs"))
	h.save("theirs/theirs.md", "theirs\n")
	h.save("theirs/both.md", "theirs\n")
	h.run(0, "push", h.path("theirs"), "--prefer", "local", "--endpoint", h.url, "--agent-space", "sp-1", "--type", "skill")
	h.save("skills/few/changed.md", "ours\n")
	h.save("skills/few/both.md", "ours\n")
	h.save("skills/few/new.md", "ours\n")
	h.remove("skills/few/deleted.md")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		h.save("skills/many/"+name+".md", "ours\n")
	}
	h.remove("skills/many/f.md")
	h.save("skills/facts/SKILL.md", strings.Replace(skillText("facts"), "Look at", "Look again at", 1))
	h.skill("new", "SKILL.md", "more.md")
	h.save("ops/AGENTS.md", "# Other rules\n")
	h.save("files/topology.csv", "a,b,c\n")

	h.calls.reset()
	verbs := [][]string{
		{"push", "--dry-run"}, {"push", "--dry-run", "--prefer", "local"}, {"push", "--dry-run", "--prefer", "remote"},
		{"push", "--dry-run", "--atomic"}, {"push", "--dry-run", "--create", "--allow-deletes", "9"},
		{"push", "--dry-run", "--base", "1", "skills/few"},
		{"plan"}, {"plan", "--atomic", "--allow-deletes", "9"}, {"verify"},
		{"status"}, {"diff"}, {"diff", "base..remote"}, {"diff", "1..2", "skills/few"}, {"log"}, {"pull", "skills/many"},
		{"pull", "skills/few", "--version", "1"}, {"pull", "--prefer", "remote"},
		{"status", "--state", h.path("fresh")}, {"push", "--dry-run", "--state", h.path("fresh")},
		{"push", "--dry-run", h.path("skills/new"), "--endpoint", h.url, "--agent-space", "sp-1", "--type", "skill"},
	}
	writes := len(h.log())
	for _, verb := range verbs {
		h.run(-1, verb...)
		for _, op := range h.calls.list() {
			if slices.Contains(assetsync.Writes(), op) {
				t.Fatalf("%q has called %s", verb, op)
			}
		}
	}
	if d := cmp.Diff(policyActions["plan"](), h.calls.list()); d != "" {
		t.Errorf("operations that looks call (-policy +called):\n%s", d)
	}
	if n := len(h.log()); n != writes {
		t.Errorf("the remote was written to %d times", n-writes)
	}
}

// TestPolicyPush publishes in every way there is: what is called is what the
// policy for it allows.
func TestPolicyPush(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("without git no base is derived")
	}
	h := newPolicyHome(t)
	h.skill("one", "SKILL.md", "a.md", "b.md", "c.md", "d.md", "e.md")
	h.save("ops/AGENTS.md", "# Rules\n")
	h.git("init", "-q", "-b", "main")
	h.commit()
	h.run(0, "push")
	h.expect("CreateAsset")

	h.save("skills/one/a.md", "changed\n")
	h.commit()
	h.run(0, "push")
	h.expect("UpdateAssetFile")

	h.save("skills/one/new.md", "new\n")
	h.commit()
	h.run(0, "push")
	h.expect("UpdateAsset")

	h.probe()
	h.save("skills/one/newer.md", "new\n")
	h.commit()
	h.run(0, "push")
	h.expect("CreateAssetFile")

	h.remove("skills/one/new.md")
	h.commit()
	h.run(0, "push")
	h.expect("DeleteAssetFile")

	for _, name := range []string{"a", "b", "c", "d"} {
		h.save("skills/one/"+name+".md", "all\n")
	}
	h.commit()
	h.run(0, "push")
	h.expect("UpdateAsset", "GetAssetContent")

	h.save("skills/one/e.md", "derived\n")
	h.save("ops/AGENTS.md", "# Other rules\n")
	h.commit()
	h.run(0, "push", "--state", h.path(".assetsync/fresh"))
	h.expect("ListAssetVersions")

	if d := cmp.Diff(policyActions["push"](), h.calls.list()); d != "" {
		t.Errorf("operations that pushes call (-policy +called):\n%s", d)
	}
}

// TestPolicyPrune goes back and prunes: what is called is what the policy for it
// allows, and going back calls nothing that a push does not.
func TestPolicyPrune(t *testing.T) {
	h := newPolicyHome(t)
	h.skill("one", "SKILL.md", "a.md", "b.md", "c.md", "d.md", "e.md")
	h.skill("two", "SKILL.md")
	h.save("ops/AGENTS.md", "# Rules\n")
	h.run(0, "push")
	h.save("skills/one/a.md", "changed\n")
	h.run(0, "push")
	h.run(0, "undo", "skills/one")
	h.run(0, "restore", "skills/one", "2")
	h.save("skills/one/new.md", "new\n")
	h.run(0, "push")
	h.run(0, "undo")
	for _, op := range h.calls.list() {
		if !slices.Contains(policyActions["push"](), op) {
			t.Errorf("going back calls %s", op)
		}
	}
	h.remove("skills/one")
	h.run(0, "prune", "--assets", "--yes")
	var out struct {
		Assets []orphanReport `json:"assets"`
	}
	var stdout bytes.Buffer
	h.startTo(t.Context(), &stdout, "prune", "--json")
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Assets) != 1 || out.Assets[0].State != stateRetired {
		t.Fatalf("%+v", out.Assets)
	}
	h.run(0, "prune", "--assets", "--delete", "--confirm", out.Assets[0].AssetID)
	for _, op := range h.calls.list() {
		if !slices.Contains(policyActions["prune"](), op) {
			t.Errorf("prune calls %s", op)
		}
	}
	if !slices.Contains(h.calls.list(), "DeleteAsset") {
		t.Errorf("nothing was deleted: %v", h.calls.list())
	}
}

// TestPolicyWatch lets the daemon publish what is saved.
func TestPolicyWatch(t *testing.T) {
	h := newPolicyHome(t)
	h.skill("one", "SKILL.md", "a.md", "b.md", "c.md", "d.md", "e.md")
	h.save("ops/AGENTS.md", "# Rules\n")
	h.probe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() { ended <- h.start(ctx, "watch") }()
	h.await("CreateAsset")
	h.save("skills/one/a.md", "changed\n")
	h.await("UpdateAssetFile")
	h.remove("skills/one/b.md")
	h.await("DeleteAssetFile")
	h.save("skills/one/new.md", "new\n")
	h.await("CreateAssetFile")
	for _, name := range []string{"a", "c", "d", "e"} {
		h.save("skills/one/"+name+".md", "all\n")
	}
	h.await("UpdateAsset")
	h.await("ListAssets") // the daemon looks for remote changes
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("watch ended with %d", code)
	}
	for _, op := range h.calls.list() {
		if !slices.Contains(policyActions["watch"](), op) {
			t.Errorf("the daemon has called %s, which the policy does not allow", op)
		}
	}
	for _, op := range assetsync.Writes() {
		if !slices.Contains(h.calls.list(), op) {
			t.Errorf("the daemon has not called %s, which the policy allows", op)
		}
	}
}

// TestPolicyProbe probes: what is called is what the policy for it allows.
func TestPolicyProbe(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	h := newPolicyHome(t)
	h.run(0, "probe", "--yes")
	want := slices.Sorted(slices.Values(append(policyActions["probe"](), "ListAssetTypes")))
	if d := cmp.Diff(want, h.calls.list()); d != "" {
		t.Errorf("operations that a probe calls (-policy +called):\n%s", d)
	}
}

// policyHome is a directory with a config, and a remote that notes what is
// called.
type policyHome struct {
	*testing.T
	dir, url string
	remote   *emulator.Server
	calls    callLog
}

func newPolicyHome(t *testing.T) *policyHome {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &policyHome{T: t, dir: dir}
	h.remote, err = emulator.New(emulator.Options{Path: filepath.Join(t.TempDir(), "emulator.db"), Exclusive: true, Clock: time.Now, NewID: newID})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls.add(operationOf(r))
		h.remote.ServeHTTP(w, r)
	}))
	h.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := h.remote.Close(); err != nil {
			t.Error(err)
		}
	})
	h.save("assetsync.yaml", fmt.Sprintf(`endpoint: %s
agent_space: sp-1
watch: {settle: 50ms, max_wait: 1s, poll_remote: 5s}
rate: {requests_per_second: 1000, burst: 1000}
targets:
  - path: skills/**
    type: skill
    metadata: {agent_types: [GENERIC]}
  - path: ops/AGENTS.md
    agent_type: CHAT
  - path: files/*
    type: attachment
`, h.url))
	return h
}

// probe probes the remote. Its calls are not noted.
func (h *policyHome) probe() {
	h.Helper()
	before := h.calls.list()
	h.run(0, "probe", "--yes")
	h.calls.reset()
	for _, op := range before {
		h.calls.add(op)
	}
}

// run runs a command line to its end; a code below zero is any.
func (h *policyHome) run(code int, args ...string) {
	h.Helper()
	if got := h.start(h.Context(), args...); code >= 0 && got != code {
		h.Fatalf("%q: exit code %d, want %d", args, got, code)
	}
}

func (h *policyHome) start(ctx context.Context, args ...string) int {
	return h.startTo(ctx, &bytes.Buffer{}, args...)
}

func (h *policyHome) startTo(ctx context.Context, stdout *bytes.Buffer, args ...string) int {
	var stderr bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: stdout, stderr: &stderr, now: time.Now, cwd: h.dir,
		getenv: func(name string) (string, bool) {
			value, ok := map[string]string{"XDG_RUNTIME_DIR": h.dir}[name]
			return value, ok
		},
	}
	code := a.run(ctx, args)
	if code != 0 {
		h.Logf("%q ends with %d:\n%s%s", args, code, stdout, &stderr)
	}
	return code
}

// expect asks for operations among those that were called since the last look.
func (h *policyHome) expect(ops ...string) {
	h.Helper()
	fresh := h.calls.fresh()
	for _, op := range ops {
		if !fresh[op] {
			h.Errorf("%s was not called, but %q", op, slices.Sorted(maps.Keys(fresh)))
		}
	}
}

// await waits until an operation is called.
func (h *policyHome) await(op string) {
	h.Helper()
	seen := map[string]bool{}
	if !patiently(func() bool {
		maps.Copy(seen, h.calls.fresh())
		return seen[op]
	}) {
		h.Fatalf("%s is never called, but %q", op, slices.Sorted(maps.Keys(seen)))
	}
	// What follows the call is part of the same change.
	for quiet := false; !quiet; quiet = len(h.calls.fresh()) == 0 {
		time.Sleep(400 * time.Millisecond)
	}
}

func (h *policyHome) log() []emulator.LogEntry {
	h.Helper()
	log, err := h.remote.Log()
	if err != nil {
		h.Fatal(err)
	}
	return log
}

func (h *policyHome) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

func (h *policyHome) save(name, text string) {
	h.Helper()
	err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755)
	if err == nil {
		err = os.WriteFile(h.path(name), []byte(text), 0o644)
	}
	if err != nil {
		h.Fatal(err)
	}
}

func (h *policyHome) remove(name string) {
	h.Helper()
	if err := os.RemoveAll(h.path(name)); err != nil {
		h.Fatal(err)
	}
}

// skill makes a skill; the first file is the main one.
func (h *policyHome) skill(name string, files ...string) {
	h.Helper()
	for i, file := range files {
		text := "of " + file + "\n"
		if i == 0 {
			text = skillText(name)
		}
		h.save("skills/"+name+"/"+file, text)
	}
}

func (h *policyHome) git(args ...string) {
	h.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func (h *policyHome) commit() {
	h.Helper()
	h.git("add", "-A", "skills", "ops")
	h.git("commit", "-qm", "a change")
}

// callLog is which operations were called.
type callLog struct {
	mu       sync.Mutex
	all, new map[string]bool
}

func (c *callLog) add(op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all, c.new = map[string]bool{}, map[string]bool{}
	}
	c.all[op], c.new[op] = true, true
}

func (c *callLog) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all, c.new = nil, nil
}

func (c *callLog) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.all))
}

// fresh returns those called since the last look.
func (c *callLog) fresh() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]bool{}
	maps.Copy(out, c.new)
	clear(c.new)
	return out
}

// operationOf names what a request calls, by the service's table.
func operationOf(r *http.Request) string {
	verb := map[string]string{"GET": "Get", "POST": "Create", "PATCH": "Update", "DELETE": "Delete"}[r.Method]
	parts := strings.SplitN(strings.Trim(r.URL.Path, "/"), "/", 7) // asset, agent-space, ID, assets, ID, files, PATH
	switch {
	case len(parts) == 2:
		return "ListAssetTypes"
	case len(parts) == 4 && verb == "Get":
		return "ListAssets"
	case len(parts) <= 5:
		return verb + "Asset"
	case parts[5] == "versions":
		return "ListAssetVersions"
	case parts[5] == "content":
		return verb + "AssetContent"
	case len(parts) == 6:
		return "ListAssetFiles"
	}
	return verb + "AssetFile"
}
