package daemon

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote"
	assetsync "assetsync/sync"
)

func TestJudge(t *testing.T) {
	change := []assetsync.ChangeReport{{Path: "a.md", Action: "update"}}
	failed := func(k assetsync.Kind, message, hint string) assetsync.Result {
		return assetsync.Result{Outcome: assetsync.Failed, Error: &assetsync.Error{Kind: k, Message: message, Hint: hint}}
	}
	git := failed(assetsync.KindGuard, "a rebase is in progress", "")
	git.Guard = assetsync.GuardGit
	problems := func(p ...manifest.Problem) assetsync.Result {
		return assetsync.Result{Outcome: assetsync.Blocked, Problems: p}
	}
	unstable := manifest.Problem{Path: "a.md", Kind: manifest.Unstable, Detail: "is being written"}
	bad := manifest.Problem{Path: "b.md", Kind: manifest.Unreadable, Detail: "cannot be read"}
	const publish = "changes to publish: assetsync push publishes them"
	tests := []struct {
		name string
		in   assetsync.Result
		want verdict
	}{
		{"nothing to do", assetsync.Result{Outcome: assetsync.Unchanged}, verdict{state: InStep}},
		{"published", assetsync.Result{Outcome: assetsync.Published, Changes: change}, verdict{state: InStep}},
		{"created", assetsync.Result{Outcome: assetsync.Created, Changes: change}, verdict{state: InStep}},
		{"a status finds changes", assetsync.Result{Outcome: assetsync.Planned, Changes: change}, verdict{state: Differs, reason: publish}},
		{"a status finds remote changes", assetsync.Result{Outcome: assetsync.Planned, Pending: change}, verdict{state: InStep}},
		{"a status finds metadata to publish", assetsync.Result{Outcome: assetsync.Planned, MetadataChanges: []assetsync.MetadataChange{{Key: "x", Action: "publish"}}}, verdict{state: Differs, reason: publish}},
		{"a status finds metadata to take", assetsync.Result{Outcome: assetsync.Planned, MetadataChanges: []assetsync.MetadataChange{{Key: "x", Action: "pending"}}}, verdict{state: InStep}},
		{"a version budget puts it off", assetsync.Result{Outcome: assetsync.Planned, Changes: change, NextVersion: time.Unix(9, 0)}, verdict{state: Held, until: time.Unix(9, 0)}},
		{"conflict", assetsync.Result{Outcome: assetsync.Conflict}, verdict{state: Conflict, reason: "both sides changed; assetsync status shows what"}},
		{"conflict as an error", failed(assetsync.KindConflict, "superseded", ""), verdict{state: Conflict, reason: "superseded"}},
		{"problem", problems(bad), verdict{state: Blocked, reason: "b.md cannot be read", max: troubleMax}},
		{"problems", problems(bad, unstable), verdict{state: Blocked, reason: "b.md cannot be read, and 1 more", max: troubleMax}},
		{"a problem without a path", problems(manifest.Problem{Detail: "metadata: name is required"}), verdict{state: Blocked, reason: "metadata: name is required", max: troubleMax}},
		{"blocked without a problem", problems(), verdict{state: Blocked, reason: "a problem", max: troubleMax}},
		{"files being written", problems(unstable), verdict{state: Held, reason: "a.md is being written", max: offlineMax}},
		{"files written while they were sent", assetsync.Result{Error: &assetsync.Error{
			Kind: assetsync.KindUnavailable, Message: "publish one: a.md changed", Err: fmt.Errorf("read a.md: %w", manifest.ErrChanged),
		}}, verdict{state: Held, reason: "publish one: a.md changed", max: offlineMax}},
		{"git", git, verdict{state: Held, reason: "a rebase is in progress", max: holdMax}},
		{"guard", failed(assetsync.KindGuard, "11 files would be deleted", "--allow-deletes 11"), verdict{state: Blocked, reason: "11 files would be deleted; --allow-deletes 11"}},
		{"auth", failed(assetsync.KindAuth, "expired", "sign in"), verdict{state: AuthExpired, reason: "expired; sign in", max: troubleMax}},
		{"offline", failed(assetsync.KindUnavailable, "no route", ""), verdict{state: Offline, reason: "no route", max: offlineMax}},
		{"usage", failed(assetsync.KindUsage, "no such type", "name another"), verdict{state: Failed, reason: "no such type; name another", max: troubleMax}},
		{"unusable", failed(assetsync.KindUnusable, "not usable", ""), verdict{state: Failed, reason: "not usable", max: troubleMax}},
		{"other", failed(assetsync.KindFailed, "disk is full", ""), verdict{state: Failed, reason: "disk is full", max: troubleMax}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, judge(tt.in), cmp.AllowUnexported(verdict{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A request's id differs each time; what is the matter does not.
func TestJudgeLeavesOutRequestIDs(t *testing.T) {
	reason := func(id string) string {
		err := &remote.Error{Operation: "GetAsset", Kind: remote.KindInternalServer, Status: 500, Message: "oops", RequestID: id}
		return judge(assetsync.Failure("a", err)).reason
	}
	if a, b := reason("r-1"), reason("r-2"); a != b {
		t.Errorf("reasons differ: %q, %q", a, b)
	}
}

func TestJudgePoll(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want verdict
	}{
		{"answered", nil, verdict{state: InStep}},
		{"not allowed", fmt.Errorf("%w: ListAssets", ErrNotAllowed), verdict{state: InStep, reason: "changes of the remote are noticed late: listing the assets is not allowed: ListAssets"}},
		{"expired", errAuth, verdict{state: AuthExpired, reason: "the token has expired; sign in again"}},
		{"offline", errOffline, verdict{state: Offline, reason: "no route to host"}},
		{"wrapped", fmt.Errorf("list assets: %w", errOffline), verdict{state: Offline, reason: "list assets: no route to host"}},
		{"offline, with a hint", &assetsync.Error{Kind: assetsync.KindUnavailable, Message: "no route", Hint: "repeat it later"}, verdict{state: Offline, reason: "no route"}},
		{"too slow", errListSlow, verdict{state: Offline, reason: "the remote takes longer than 30s to list its assets"}},
		{"another failure", errors.New("odd"), verdict{state: InStep, reason: "odd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, judgePoll(tt.err), cmp.AllowUnexported(verdict{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	least := func(time.Duration) time.Duration { return 0 }
	most := func(d time.Duration) time.Duration { return d }
	const s, ms = time.Second, time.Millisecond
	tests := []struct {
		name      string
		base, max time.Duration
		jitter    func(time.Duration) time.Duration
		want      []time.Duration
	}{
		{"longest", s, 10 * s, most, []time.Duration{s, 2 * s, 4 * s, 8 * s, 10 * s, 10 * s}},
		{"shortest", s, 8 * s, least, []time.Duration{250 * ms, 500 * ms, s, 2 * s, 2 * s}},
		{"never above max", 4 * s, 3 * s, most, []time.Duration{3 * s, 3 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := backoff{base: tt.base, max: tt.max}
			var got []time.Duration
			for range tt.want {
				got = append(got, b.next(tt.jitter))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			b.reset()
			if first := b.next(tt.jitter); first != tt.want[0] {
				t.Errorf("after reset %v, want %v", first, tt.want[0])
			}
		})
	}
	long := backoff{base: s, max: time.Minute, tries: 1 << 20}
	if got := long.next(most); got != time.Minute {
		t.Errorf("after a million tries %v, want a minute", got)
	}
}

func TestSummary(t *testing.T) {
	tests := []struct {
		name string
		in   []View
		want string
	}{
		{"none", nil, "no targets"},
		{"all well", []View{{State: InStep}, {State: InStep}}, "2 in step"},
		{"looking", []View{{State: Publishing}, {State: InStep}}, "1 in step, 1 publishing"},
		{"one in trouble", []View{{State: InStep}, {Target: "a", State: Blocked, Reason: "no main file"}}, "1 in step, 1 blocked (a: no main file)"},
		{"the first that has something to say", []View{{Target: "a", State: Starting}, {Target: "b", State: Failed, Reason: "disk is full"}}, "1 starting, 1 failed (b: disk is full)"},
		{"no reason", []View{{State: Starting}}, "1 starting"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := summary(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStanding(t *testing.T) {
	old := []string{"old"}
	tests := []struct {
		name string
		in   View
		want []string
	}{
		{"in step", View{State: InStep}, old},
		{"held", View{State: Held, Reason: "a rebase"}, []string{"old", "the daemon waits: a rebase"}},
		{"paused", View{State: Paused, Reason: "it is paused"}, []string{"old", "the daemon waits: it is paused"}},
		{"publishing", View{State: Publishing}, []string{"old", "the daemon is publishing it"}},
		{"a guard", View{State: Blocked, Reason: "11 files would go"}, []string{"old", "the daemon waits: 11 files would go"}},
		{"a problem", View{State: Blocked, Reason: "b.md cannot be read", Result: assetsync.Result{Problems: []manifest.Problem{{Path: "b.md"}}}}, old},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			notes := append(make([]string, 0, 8), old...)
			tt.in.Result.Notes = notes
			if diff := cmp.Diff(tt.want, tt.in.standing().Notes); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := notes[:2][1]; got != "" {
				t.Errorf("the view's own notes were written to: %q", got)
			}
		})
	}
}
