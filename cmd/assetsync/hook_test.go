package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

func TestReadPushed(t *testing.T) {
	const a, b, none = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222", "0000000000000000000000000000000000000000"
	line := func(words ...string) string { return strings.Join(words, " ") + "\n" }
	tests := map[string]struct {
		text string
		want []pushedCommit
		err  string
	}{
		"nothing":        {"", nil, ""},
		"an empty line":  {"\n", nil, ""},
		"a branch":       {line("refs/heads/main", a, "refs/heads/main", b), []pushedCommit{{a, []string{"main", "main"}}}, ""},
		"by another way": {line("HEAD~", a, "refs/heads/x/y", none), []pushedCommit{{a, []string{"x/y"}}}, ""},
		"a deletion":     {line("(delete)", none, "refs/heads/main", b), nil, ""},
		"a tag":          {line("refs/tags/v1", a, "refs/tags/v1", none), nil, ""},
		"one commit twice": {line("refs/heads/a", a, "refs/heads/b", none) + line("refs/heads/c", b, "refs/heads/c", none) + line("refs/heads/a", a, "refs/heads/d", none),
			[]pushedCommit{{a, []string{"b", "a", "d", "a"}}, {b, []string{"c", "c"}}}, ""},
		"too few words": {line("refs/heads/a", a), nil, "is not what git writes"},
		"a long line":   {strings.Repeat("x", 1<<17), nil, "token too long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readPushed(strings.NewReader(tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(pushedCommit{})); err != nil || d != "" {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

// hookRepo is a git repository in which hooks run.
type hookRepo struct {
	*testing.T
	dir string
	now time.Time
}

func newHookRepo(t *testing.T) *hookRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	r := &hookRepo{t, t.TempDir(), time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	r.git("init", "-q", "-b", "main")
	if err := os.Mkdir(filepath.Join(r.dir, ".assetsync"), 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *hookRepo) git(args ...string) string {
	r.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *hookRepo) commit(args ...string) string {
	r.Helper()
	r.git(append([]string{"commit", "-q", "--allow-empty", "-m", "x"}, args...)...)
	return r.git("rev-parse", "HEAD")
}

// job is a hook that git ran for a commit, so long ago.
func (r *hookRepo) job(hook, commit string, ago time.Duration) *hookJob {
	r.Helper()
	w, err := gitrepo.FindWorktree(r.dir)
	if err != nil || w == nil {
		r.Fatalf("find worktree: %v", err)
	}
	r.Cleanup(func() { _ = w.Close() }) // it was only read
	a := &app{stderr: io.Discard, now: func() time.Time { return r.now }, command: "hook run"}
	return &hookJob{app: a, hook: hook, dir: filepath.Join(r.dir, ".assetsync"), worktree: w, since: r.now.Add(-ago), commit: commit}
}

func TestHookChooses(t *testing.T) {
	r := newHookRepo(t)
	first := r.commit()
	second := r.commit()
	r.git("checkout", "-q", "-b", "topic", first)
	topic := r.commit("--author=b <b@example.com>")
	const minute = time.Minute
	tests := map[string]struct {
		hook, commit, head string
		waited             bool
		last               *hookRecord
		env, want          string // want "": it is left
	}{
		"HEAD":                   {hook: postCommit, commit: second, head: "main", want: second},
		"HEAD is newer":          {hook: postCommit, commit: first, head: "main", want: second},
		"HEAD is elsewhere":      {hook: postCommit, commit: second, head: "topic", want: second},
		"git was at work":        {hook: postCommit, commit: second, head: "topic", waited: true, want: topic},
		"a checkout":             {hook: postCheckout, commit: second, head: "topic", want: topic},
		"an earlier hook before": {hook: postCommit, commit: second, head: "main", last: &hookRecord{Asked: r.now.Add(-2 * minute)}, want: second},
		"a later hook before":    {hook: postCommit, commit: second, head: "topic", last: &hookRecord{Asked: r.now.Add(-minute / 2)}},
		"of another environment": {hook: postCommit, commit: second, head: "topic", last: &hookRecord{Asked: r.now.Add(-minute / 2), Env: "prod"}, want: second},
		"of the future":          {hook: postCommit, commit: second, head: "topic", last: &hookRecord{Asked: r.now.Add(minute)}, want: second},
		"a commit that is gone":  {hook: postCommit, commit: strings.Repeat("1", 40), head: "main", want: strings.Repeat("1", 40)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r.T = t
			r.git("checkout", "-q", tt.head)
			j := r.job(tt.hook, tt.commit, minute)
			if err := os.RemoveAll(hookFile(j.dir)); err != nil {
				t.Fatal(err)
			}
			if tt.last != nil {
				if err := tt.last.write(j.dir); err != nil {
					t.Fatal(err)
				}
			}
			got, err := j.choose(t.Context(), tt.waited)
			if got != tt.want || errors.Is(err, errLeft) != (tt.want == "") {
				t.Errorf("chose %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestHooksDuringRebase has three hooks while git is at work: one waits, and
// the others leave it to that.
func TestHooksDuringRebase(t *testing.T) {
	r := newHookRepo(t)
	r.commit()
	r.git("checkout", "-q", "--detach")
	rebase := filepath.Join(r.dir, ".git", "rebase-merge")
	if err := os.Mkdir(rebase, 0o755); err != nil {
		t.Fatal(err)
	}
	type turn struct {
		commit string
		err    error
	}
	turns := make(chan turn, 1)
	waits := r.job(postCommit, r.commit(), 0)
	go func() {
		lock, err := waits.turn(context.Background())
		if err == nil {
			err = lock.Release()
		}
		turns <- turn{waits.commit, err}
	}()
	if !patiently(func() bool { _, held := state.ReadHolder(filepath.Join(waits.dir, "hook.wait.lock")); return held }) {
		t.Fatal("nobody waits")
	}
	for range 2 {
		if _, err := r.job(postCommit, r.commit(), 0).turn(t.Context()); !errors.Is(err, errLeft) {
			t.Errorf("a second one: %v", err)
		}
	}
	// It has a turn of its own in another environment.
	other := r.job(postCommit, r.commit(), 0)
	other.env.Name = "prod"
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, timeoutError(10*time.Millisecond))
	defer cancel()
	_, err := other.turn(ctx)
	if e := (*assetsync.Error)(nil); !errors.As(err, &e) || e.Kind != assetsync.KindUnavailable || e.Message != "wait for git: a rebase is in progress: not done within 10ms" {
		t.Errorf("the end of its patience: %v", err)
	}
	if err := os.Remove(rebase); err != nil {
		t.Fatal(err)
	}
	if got := <-turns; got.err != nil || got.commit != r.git("rev-parse", "HEAD") {
		t.Errorf("after the rebase: %+v", got)
	}
}

func TestHooksTakeTurns(t *testing.T) {
	r := newHookRepo(t)
	j := r.job(postCommit, r.commit(), 0)
	lock, err := j.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.job(postCommit, r.commit(), 0).turn(ctx); err == nil || !strings.HasPrefix(err.Error(), "wait for the hook before this one: ") {
		t.Errorf("two at once: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if lock, err = r.job(postCommit, r.commit(), 0).turn(t.Context()); err != nil {
		t.Fatalf("the next one: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

// TestSettleHook lets a push make good what a hook could not publish.
func TestSettleHook(t *testing.T) {
	fails := func(names ...string) (list []hookTarget) {
		for _, n := range names {
			list = append(list, hookTarget{Target: n, Outcome: assetsync.Failed, Error: "offline"})
		}
		return list
	}
	good := func(name string) assetsync.Result {
		return assetsync.Result{Target: name, Outcome: assetsync.Published, Version: 3}
	}
	bad := assetsync.Failure("b", errors.New("offline"))
	tests := map[string]struct {
		record  hookRecord
		env     string
		results []assetsync.Result
		note    string // what a status without results says then
	}{
		"all":             {hookRecord{Targets: fails("a", "b")}, "", []assetsync.Result{good("a"), good("b")}, ""},
		"one of two":      {hookRecord{Targets: fails("a", "b")}, "", []assetsync.Result{good("a"), bad}, "b: offline"},
		"another one":     {hookRecord{Targets: fails("a", "b")}, "", []assetsync.Result{good("c")}, "a: offline (and 1 more)"},
		"elsewhere":       {hookRecord{Env: "x", Targets: fails("a")}, "y", []assetsync.Result{good("a")}, "a: offline"},
		"a whole failure": {hookRecord{Error: "locked"}, "", []assetsync.Result{good("a")}, ""},
		"and it stays":    {hookRecord{Error: "locked"}, "", []assetsync.Result{good("a"), bad}, "locked"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var stderr bytes.Buffer
			a := &app{stderr: &stderr, cwd: dir}
			tt.record.Hook, tt.record.Commit = postCommit, strings.Repeat("a", 40)
			if err := tt.record.write(dir); err != nil {
				t.Fatal(err)
			}
			if err := a.settleHook(dir, tt.env, tt.results); err != nil {
				t.Fatal(err)
			}
			a.noteHook(dir, "", nil)
			want := ""
			if tt.note != "" {
				want = "note: the push of commit aaaaaaa by the post-commit hook failed: " + tt.note + "; see hook.log\n"
			}
			if d := cmp.Diff(want, stderr.String()); d != "" {
				t.Errorf("note (-want +got):\n%s", d)
			}
		})
	}
}

// hookRuns is of how many runs the median is taken.
const hookRuns = 15

// TestHookReturns measures how long git has to wait for the hook. The limit is
// for machines that do something else as well; -v prints the median.
func TestHookReturns(t *testing.T) {
	r := newHookRepo(t)
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(r.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("assetsync.yaml", "endpoint: embedded\ntargets: [{path: skills/one, type: skill, metadata: {agent_types: [GENERIC]}, publish: {when: commit}}]\n")
	write("skills/one/SKILL.md", "---\nname: one\ndescription: Look at the backlog.\n---\n")
	r.git("add", ".")
	var times []time.Duration
	for range hookRuns {
		commit := r.commit()
		cmd := exec.Command("assetsync", "hook", "run", postCommit)
		cmd.Dir = r.dir
		cmd.Env = append(os.Environ(), "HOME="+r.dir, "GORACE="+raceOptions)
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("hook run: %v\n%s", err, out)
		}
		times = append(times, time.Since(began))
		if !patiently(func() bool {
			last, err := readHookRecord(filepath.Join(r.dir, ".assetsync"))
			_, held := state.ReadHolder(filepath.Join(r.dir, ".assetsync", "hook.lock"))
			return err == nil && last != nil && last.Commit == commit && !held
		}) {
			t.Fatal("the push never ends")
		}
	}
	slices.Sort(times)
	t.Logf("the hook returns after %v (median of %d), %v at most", times[len(times)/2], len(times), times[len(times)-1])
	if times[len(times)/2] > time.Second {
		t.Error("git has to wait for it")
	}
}

// TestHookTargetWords names the target once, whether or not its error does.
func TestHookTargetWords(t *testing.T) {
	for text, want := range map[string]string{
		"offline":             "skills/one: offline (and 1 more)",
		"skills/one: offline": "skills/one: offline (and 1 more)",
	} {
		if got := (hookTarget{Target: "skills/one", Error: text}).words(2); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
