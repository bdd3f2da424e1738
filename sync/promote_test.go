package sync_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// in is the machine with an environment, which has an agent space of its own.
func (m *machine) in(env string) *machine {
	e := *m
	e.env, e.space.AgentSpace = env, "sp-"+env
	return &e
}

// promotion reads a version of the machine's environment; 0 is the newest.
func (m *machine) promotion(version int32) *assetsync.Promotion {
	m.t.Helper()
	var p assetsync.Promotion
	var res assetsync.Result
	m.engine(func(e *assetsync.Engine) { p, res = e.Promotion(m.t.Context(), version) })
	if res.Error != nil {
		m.t.Fatal(describe(res))
	}
	return &p
}

// promote publishes in an environment what staging has.
func (m *machine) promote(env string, version int32, o assetsync.PushOptions) assetsync.Result {
	m.t.Helper()
	to := m.in(env)
	to.from = m.in("staging").promotion(version)
	return to.push(o)
}

// webOf is somebody in the web app of an environment.
func (m *machine) webOf(env string) *world {
	w := *m.world
	w.space = m.in(env).space
	return &w
}

// environments is a repository whose commit is published in staging and prod.
func environments(t *testing.T, quirks ...string) (dev *machine, staging, prod string) {
	w := newWorld(t, quirks...)
	dev = w.repository(skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
	staging = dev.in("staging").mustPush(assetsync.Created).AssetID
	res := dev.promote("prod", 0, assetsync.PushOptions{})
	dev.want(res, assetsync.Created)
	return dev, staging, res.AssetID
}

// TestPromote publishes in one environment what another one has.
func TestPromote(t *testing.T) {
	first := skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"})
	but := func(change ...string) map[string]string {
		out := maps.Clone(first)
		for i := 0; i < len(change); i += 2 {
			if delete(out, change[i]); change[i+1] != "" {
				out[change[i]] = change[i+1]
			}
		}
		return out
	}
	stage := func(dev *machine, change ...string) {
		for i := 0; i < len(change); i += 2 {
			if change[i+1] == "" {
				dev.rm(change[i])
				continue
			}
			dev.write(change[i], change[i+1])
		}
		dev.commit("another")
		dev.in("staging").mustPush(assetsync.Published)
	}
	tests := map[string]struct {
		story   func(dev *machine, staging, prod string)
		version int32
		options assetsync.PushOptions
		want    assetsync.Outcome
		changes string
		message string
		live    map[string]string
	}{
		"nothing new": {
			story: func(*machine, string, string) {}, want: assetsync.Unchanged, live: first,
		},
		"exactly the difference": {
			story: func(dev *machine, _, _ string) {
				stage(dev, "a.md", "a2", "new.md", "n", "d.md", "")
				dev.write("b.md", "only in the directory")
			},
			want: assetsync.Published, changes: "create new.md, delete d.md, update a.md", live: but("a.md", "a2", "new.md", "n", "d.md", ""),
		},
		"a dry run writes nothing": {
			story:   func(dev *machine, _, _ string) { stage(dev, "a.md", "a2") },
			options: assetsync.PushOptions{DryRun: true}, want: assetsync.Planned, changes: "update a.md", live: first,
		},
		"an older version that is named": {
			story: func(dev *machine, _, _ string) {
				stage(dev, "a.md", "a2")
				stage(dev, "a.md", "a3")
			},
			version: 2, want: assetsync.Published, changes: "update a.md", live: but("a.md", "a2"),
		},
		"what was edited in the web app of staging": {
			story: func(dev *machine, staging, _ string) { dev.webOf("staging").save(staging, "a.md", "of the web") },
			want:  assetsync.Published, changes: "update a.md", live: but("a.md", "of the web"),
		},
		"a web edit of prod on another path stays": {
			story: func(dev *machine, _, prod string) {
				stage(dev, "a.md", "a2")
				dev.webOf("prod").save(prod, "b.md", "of the web")
			},
			want: assetsync.Published, changes: "update a.md", live: but("a.md", "a2", "b.md", "of the web"),
		},
		"a web edit of prod on the same path": {
			story: func(dev *machine, _, prod string) {
				stage(dev, "a.md", "a2")
				dev.webOf("prod").save(prod, "a.md", "of the web")
			},
			want: assetsync.Conflict, message: "1 file changed in staging and here, in prod", live: but("a.md", "of the web"),
		},
		"the same, staging's preferred": {
			story: func(dev *machine, _, prod string) {
				stage(dev, "a.md", "a2")
				dev.webOf("prod").save(prod, "a.md", "of the web")
			},
			options: assetsync.PushOptions{Prefer: diff.Local}, want: assetsync.Published, changes: "update a.md", live: but("a.md", "a2"),
		},
		"too many deletions": {
			story: func(dev *machine, _, _ string) {
				dev.rm("b.md")
				dev.rm("c.md")
				dev.commit("another")
				dev.in("staging").push(assetsync.PushOptions{Consent: assetsync.Consent{Deletes: 2}})
			},
			want: assetsync.Blocked, message: "2 files of 5 would be deleted", live: first,
		},
		"staging is behind prod": {
			story: func(dev *machine, _, _ string) {
				dev.write("a.md", "a2")
				dev.commit("another")
				dev.in("prod").mustPush(assetsync.Published)
			},
			want: assetsync.Conflict, message: "superseded by ", live: but("a.md", "a2"),
		},
		"the same, with consent": {
			story: func(dev *machine, _, _ string) {
				dev.write("a.md", "a2")
				dev.commit("another")
				dev.in("prod").mustPush(assetsync.Published)
			},
			options: assetsync.PushOptions{Consent: assetsync.Consent{Rollback: true}}, want: assetsync.Published, changes: "update a.md", live: first,
		},
	}
	for name, tt := range tests {
		for _, runner := range []string{"with state", "in a fresh clone"} {
			t.Run(name+" "+runner, func(t *testing.T) {
				dev, staging, prod := environments(t)
				tt.story(dev, staging, prod)
				m := dev
				if runner == "in a fresh clone" {
					m = dev.clone()
				}
				res := m.promote("prod", tt.version, tt.options)
				if res.Outcome != tt.want || tt.changes != paths(res.Changes) && tt.message == "" {
					t.Errorf("%s, want %s with %s\n%s", res.Outcome, tt.want, tt.changes, describe(res))
				}
				if tt.message != "" && (res.Error == nil || !strings.Contains(res.Error.Message, tt.message)) {
					t.Errorf("error %+v, want one with %q", res.Error, tt.message)
				}
				dev.webOf("prod").wantLive(prod, tt.live)
			})
		}
	}
}

// TestPromotedTrees are equal, also where the service rewrites what it is sent
// and each side has a file that is nobody's.
func TestPromotedTrees(t *testing.T) {
	for _, quirks := range [][]string{nil, {"rewrite=frontmatter"}, {"rewrite=extra-version"}} {
		t.Run(strings.Join(quirks, " "), func(t *testing.T) {
			dev, staging, prod := environments(t, quirks...)
			dev.write(".assetsyncignore", "notes.md\n")
			dev.write("a.md", "a2")
			dev.write("SKILL.md", skillMain+"More.\n")
			dev.commit("another")
			dev.in("staging").mustPush(assetsync.Published)
			dev.webOf("staging").createFile(staging, "notes.md", "of staging")
			dev.webOf("prod").createFile(prod, "notes.md", "of prod")
			res := dev.clone().promote("prod", 0, assetsync.PushOptions{})
			dev.want(res, assetsync.Published)
			if !slices.ContainsFunc(res.Notes, func(n string) bool {
				return strings.Contains(n, "left out, because the ignore rules match: notes.md")
			}) {
				t.Errorf("nobody says what was left out: %q", res.Notes)
			}
			there, here := dev.in("staging").status().LiveTree, dev.in("prod").status().LiveTree
			if there == "" || there != here {
				t.Errorf("staging has tree %s, prod %s", there, here)
			}
			if got := dev.webOf("prod").live(prod, 0)["notes.md"]; got != "of prod" {
				t.Errorf("a file that is nobody's is %q", got)
			}
			dev.want(dev.promote("prod", 0, assetsync.PushOptions{}), assetsync.Unchanged)
		})
	}
}

// TestPushAfterPromotion publishes what the directory has beyond what was
// promoted, as after any push.
func TestPushAfterPromotion(t *testing.T) {
	dev, _, prod := environments(t)
	dev.write("a.md", "a2")
	dev.in("staging").mustPush(assetsync.Published)
	dev.write("b.md", "b2")
	dev.want(dev.promote("prod", 0, assetsync.PushOptions{}), assetsync.Published)
	res := dev.in("prod").mustPush(assetsync.Published)
	if got := paths(res.Changes); got != "update b.md" {
		t.Errorf("changes %s, want b.md alone", got)
	}
	dev.webOf("prod").wantLive(prod, skill(map[string]string{"a.md": "a2", "b.md": "b2", "c.md": "c1", "d.md": "d1"}))
}

// TestPromoteWithoutDirectory keeps the rules of the config where the
// directory is gone.
func TestPromoteWithoutDirectory(t *testing.T) {
	dev, staging, prod := environments(t)
	dev.webOf("staging").createFile(staging, "notes.md", "of staging")
	dev.webOf("staging").save(staging, "a.md", "a2")
	dev.target.Ignore = []string{"notes.md"}
	gone := *dev
	gone.target.Path += "-gone"
	dev.want(gone.promote("prod", 0, assetsync.PushOptions{}), assetsync.Published)
	dev.webOf("prod").wantLive(prod, skill(map[string]string{"a.md": "a2", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
}

// TestPromoteNothing needs an asset to promote.
func TestPromoteNothing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil)).in("staging")
	var res assetsync.Result
	m.engine(func(e *assetsync.Engine) { _, res = e.Promotion(t.Context(), 0) })
	if res.Error == nil || res.Error.Kind != assetsync.KindUsage || !strings.Contains(res.Error.Message, "target demo has no asset in staging") {
		t.Errorf("%+v", res.Error)
	}
	m.mustPush(assetsync.Created)
	m.engine(func(e *assetsync.Engine) { _, res = e.Promotion(t.Context(), 7) })
	if res.Error == nil || !strings.Contains(res.Error.Message, "has no version 7") {
		t.Errorf("%+v", res.Error)
	}
}
