package sync_test

import (
	"testing"

	assetsync "assetsync/sync"
)

func (m *machine) resolve(take assetsync.Resolution) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Resolve(m.t.Context(), assetsync.ResolveOptions{Take: take}) })
	return res
}

// TestResolveOverUnseen settles a conflict by hand while the remote moves on. A
// look that nobody waits for shows nobody the newer content, so that it is not
// overwritten; the first one of all has to do.
func TestResolveOverUnseen(t *testing.T) {
	tests := map[string]struct {
		first, second assetsync.PushOptions
		want          assetsync.Outcome
	}{
		"told by a push":      {assetsync.PushOptions{}, assetsync.PushOptions{}, assetsync.Planned},
		"told by a daemon":    {assetsync.PushOptions{}, assetsync.PushOptions{Unattended: true}, assetsync.Conflict},
		"told in a dry run":   {assetsync.PushOptions{}, assetsync.PushOptions{DryRun: true}, assetsync.Conflict},
		"told by daemon only": {assetsync.PushOptions{Unattended: true}, assetsync.PushOptions{Unattended: true}, assetsync.Conflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			w.save(id, "a.md", "theirs")
			m.write("a.md", "ours")
			m.want(m.push(tt.first), assetsync.Conflict)
			m.write("a.md", "both")
			w.save(id, "a.md", "theirs, and more")
			m.want(m.push(tt.second), assetsync.Conflict)
			res := m.resolve(assetsync.Merged)
			m.want(res, tt.want)
			if tt.want == assetsync.Planned {
				m.mustPush(assetsync.Published)
				return
			}
			if len(res.Conflicts) != 1 || res.Conflicts[0].Copy == "" {
				t.Errorf("conflicts %v, want a.md with a copy", res.Conflicts)
			}
			m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
			m.wantLive(id, skill(with(fiveFiles, map[string]string{"a.md": "theirs, and more"})))
		})
	}
}
