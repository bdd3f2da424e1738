package sync_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"assetsync/manifest"
	assetsync "assetsync/sync"
	"assetsync/sync/planfile"
)

// plan plans a push.
func (m *machine) plan(o assetsync.PushOptions) (plan planfile.Target, res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { plan, res = e.Plan(m.t.Context(), o) })
	return plan, res
}

// read is a plan as a later push reads it.
func (m *machine) read(plan planfile.Target) *planfile.Target {
	m.t.Helper()
	data, err := planfile.Encode(planfile.Document{Targets: []planfile.Target{plan}})
	if err != nil {
		m.t.Fatal(err)
	}
	d, err := planfile.Parse(data)
	if err != nil {
		m.t.Fatal(err)
	}
	return &d.Targets[0]
}

// mustPlan plans a push, and returns the plan as a later one reads it.
func (m *machine) mustPlan(want assetsync.Outcome) *planfile.Target {
	m.t.Helper()
	plan, res := m.plan(assetsync.PushOptions{})
	m.want(res, want)
	return m.read(plan)
}

// carryOut is a push that is held to a plan.
func (m *machine) carryOut(plan *planfile.Target) assetsync.Result {
	m.t.Helper()
	return m.push(assetsync.PushOptions{Approved: plan})
}

// wantMoved wants a push that was held to a plan to have written nothing, and to
// say why.
func (m *machine) wantMoved(res assetsync.Result, since int, says string) {
	m.t.Helper()
	m.want(res, assetsync.Conflict)
	if !errors.Is(res.Error, assetsync.ErrPlanMoved) || !strings.Contains(res.Error.Message, says) {
		m.t.Errorf("error %v, want one with %q", res.Error, says)
	}
	if ops := m.writes(since); len(ops) > 0 {
		m.t.Errorf("wrote %v", ops)
	}
}

func TestPlanIsWhatAPushDoes(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "c.md": "c"}))
	before := w.wrote()
	plan := m.mustPlan(assetsync.Planned)
	if plan.AssetID != "" || plan.Published != "zip" || len(plan.Changes) != 4 || plan.Observed.Version != 0 || w.wrote() != before {
		t.Errorf("plan of a new asset: %+v", plan)
	}
	m.want(m.carryOut(plan), assetsync.Created)
	// What is done already may be done again: a job that runs once more.
	m.want(m.carryOut(plan), assetsync.Unchanged)

	m.write("a.md", "a2")
	m.rm("b.md")
	m.write("d.md", "d")
	m.target.Metadata["agent_types"] = []any{"CHAT"}
	plan = m.mustPlan(assetsync.Planned)
	want := []planfile.Change{
		{Path: "a.md", Action: "update", Old: manifest.BlobID([]byte("a")).String(), New: manifest.BlobID([]byte("a2")).String(), Size: 2},
		{Path: "b.md", Action: "delete", Old: manifest.BlobID([]byte("b")).String()},
		{Path: "d.md", Action: "create", New: manifest.BlobID([]byte("d")).String(), Size: 1},
	}
	got := slices.Clone(plan.Changes)
	for i := range got {
		got[i].Why = ""
	}
	if !slices.Equal(got, want) || plan.Observed.Version != 1 || plan.Published != "zip" || string(plan.Metadata[0].New) != `["CHAT"]` {
		t.Errorf("plan: %+v", plan)
	}
	res := m.carryOut(plan)
	m.want(res, assetsync.Published)
	if res.LiveTree != plan.After || plan.After == plan.Observed.Tree || string(res.Published) != plan.Published {
		t.Errorf("tree %s is live by %s, and the plan says %s by %s", res.LiveTree, res.Published, plan.After, plan.Published)
	}
	m.wantQuiet()
}

// TestPlanMoved moves one thing after each plan, before anything is written.
func TestPlanMoved(t *testing.T) {
	tests := []struct {
		name string
		move func(m *machine, id string)
		says string
	}{
		{"a file here", func(m *machine, _ string) { m.write("a.md", "a3") }, `"a.md" changed here`},
		{"another file here", func(m *machine, _ string) { m.write("new.md", "x") }, `"new.md" is not in the plan`},
		{"a change less", func(m *machine, _ string) { m.write("a.md", "a") }, `"a.md" is not to be changed any more`},
		{"the remote", func(m *machine, id string) { m.save(id, "b.md", "theirs") }, "version 2 is live, and the plan was made on version 1"},
		{"its metadata", func(m *machine, id string) { m.setMetadata(id, map[string]any{"status": "INACTIVE"}) }, "version 2 is live"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b"}))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "a2")
			plan := m.mustPlan(assetsync.Planned)
			tt.move(m, id)
			since := w.wrote()
			m.wantMoved(m.carryOut(plan), since, tt.says)
			m.wantMoved(m.push(assetsync.PushOptions{Approved: plan, DryRun: true, Strict: true}), since, tt.says)
		})
	}
}

func TestPlanOfAnAssetThatWasMadeSince(t *testing.T) {
	w := newWorld(t)
	m, other := w.machine(skill(nil)), w.machine(skill(map[string]string{"x.md": "x"}))
	plan := m.mustPlan(assetsync.Planned)
	other.mustPush(assetsync.Created)
	m.wantMoved(m.carryOut(plan), w.wrote(), "was made since, and the plan makes it")
}

func TestPlanOfAnotherConfig(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	plan := m.mustPlan(assetsync.Planned)
	m.target.Ignore, m.target.MaxDeletes = []string{"x.md"}, 3
	res := m.carryOut(plan)
	m.want(res, assetsync.Failed)
	if res.Error.Kind != assetsync.KindUsage || !strings.Contains(res.Error.Message, "deletes.max_files, ignore") || w.wrote() != 0 {
		t.Errorf("error %+v", res.Error)
	}
}

// TestPlanMeetsAnother lets somebody publish while a plan is carried out: it is
// not merged, theirs stands, and the push says so.
func TestPlanMeetsAnother(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string // changed here
		path  string            // changed there at the same moment
		live  string            // of that path in the end
	}{
		{"another path, by files", map[string]string{"a.md": "1\n2\n3\n4\n5 ours\n"}, "b.md", "1 theirs\n2\n3\n4\n5\n"},
		{"another path, by zip", map[string]string{"a.md": "a2", "c.md": "c2", "d.md": "d2", "e.md": "e2"}, "b.md", "1 theirs\n2\n3\n4\n5\n"},
		{"the same path, other lines", map[string]string{"a.md": "1\n2\n3\n4\n5 ours\n"}, "a.md", "1 theirs\n2\n3\n4\n5\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const text = "1\n2\n3\n4\n5\n"
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": text, "b.md": text, "c.md": "c", "d.md": "d", "e.md": "e"}))
			id := m.mustPush(assetsync.Created).AssetID
			for p, data := range tt.files {
				m.write(p, data)
			}
			plan := m.mustPlan(assetsync.Planned)
			w.beforeWrite(func() { w.save(id, tt.path, "1 theirs\n2\n3\n4\n5\n") })
			res := m.carryOut(plan)
			m.want(res, assetsync.Conflict)
			if !errors.Is(res.Error, assetsync.ErrPlanMoved) || !strings.Contains(res.Error.Message, "made version 2 while the plan was carried out") || !strings.Contains(res.Error.Message, "nothing was merged") {
				t.Errorf("error %v", res.Error)
			}
			if got := w.live(id, 0)[tt.path]; got != tt.live {
				t.Errorf("%s is %q in the end", tt.path, got)
			}
		})
	}
}

// TestPlanUnderQuirks carries plans out however the service behaves: what it does
// by itself is nobody else's work, and what is live is what was approved.
func TestPlanUnderQuirks(t *testing.T) {
	for _, quirk := range []string{"rewrite=frontmatter", "rewrite=extra-version", "file-delete-version=keep", "file-version=asset", "version-step=3", "timestamps=seconds"} {
		t.Run(quirk, func(t *testing.T) {
			m := newWorld(t, quirk).machine(skill(map[string]string{"a.md": "a", "b.md": "b"}))
			m.want(m.carryOut(m.mustPlan(assetsync.Planned)), assetsync.Created)
			m.write("a.md", "a2")
			m.write("SKILL.md", skillMain+"More.\n")
			m.rm("b.md")
			plan := m.mustPlan(assetsync.Planned)
			m.want(m.carryOut(plan), assetsync.Published)
			m.want(m.carryOut(plan), assetsync.Unchanged)
			m.wantUsable(m.verify(nil))
		})
	}
}

// TestPlanRepairsNothing leaves what an earlier push overwrote to a push that is
// not held to a plan.
func TestPlanRepairsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "a2")
	m.dieAfterWrite(1, func() { w.save(id, "a.md", "theirs") })
	m.write("b.md", "b2")
	looked, _ := m.plan(assetsync.PushOptions{})
	plan := m.read(looked)
	since := w.wrote()
	res := m.carryOut(plan)
	if res.Error == nil || res.Error.Kind != assetsync.KindConflict {
		t.Errorf("result %s", describe(res))
	}
	if ops := w.writes(since); len(ops) > 0 {
		t.Errorf("wrote %v", ops)
	}
}

func TestPlanGuardsAndConsent(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(numbered(40)))
	m.mustPush(assetsync.Created)
	for p := range maps.Keys(numbered(11)) {
		m.rm(p)
	}
	m.target.Protected = true
	plan, res := m.plan(assetsync.PushOptions{})
	m.want(res, assetsync.Planned)
	var names []string
	for _, g := range plan.Guards {
		names = append(names, g.Guard)
	}
	if !slices.Equal(names, []string{"delete cap", "protected"}) || len(res.Notes) > 0 {
		t.Errorf("guards %v, notes %q", names, res.Notes)
	}
	stopped := m.carryOut(m.read(plan))
	m.want(stopped, assetsync.Blocked)
	if stopped.Guard != "delete cap" {
		t.Errorf("guard %q", stopped.Guard)
	}
	m.want(m.push(assetsync.PushOptions{Approved: m.read(plan), Consent: assetsync.Consent{Deletes: 11, Protected: true}}), assetsync.Published)
}

func TestPlanSaysWhatLintSays(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "[x](gone.md)\n[y](lost.md)\n[z](off.md)\n[0](away.md)\n"}))
	plan, res := m.plan(assetsync.PushOptions{})
	m.want(res, assetsync.Planned)
	if len(plan.Findings) != 4 || plan.Findings[0].Rule != "dead-link" || plan.Findings[0].Line != 1 || len(res.Notes) > 0 {
		t.Errorf("findings %+v, notes %q", plan.Findings, res.Notes)
	}
	m.write("b.md", "if \u202e access")
	plan, res = m.plan(assetsync.PushOptions{})
	m.want(res, assetsync.Blocked)
	if len(plan.Problems) != 1 || plan.Problems[0].Kind != "hidden-bidi" || len(plan.Changes) != 3 {
		t.Errorf("plan %+v", plan)
	}
}

// TestPlanHoldsNoSecret masks what looks like a credential, and holds no bytes.
func TestPlanHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	const secret, body = aSecret, "nobody reads this in a plan"
	m := w.machine(skill(map[string]string{"a.md": body + "\ntoken: " + secret + "\n[x](" + secret + ")\n"}))
	m.target.Metadata["token"] = secret
	for _, change := range []string{"create", "update"} {
		plan, _ := m.plan(assetsync.PushOptions{})
		data, err := planfile.Encode(planfile.Document{Targets: []planfile.Target{plan}})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{secret[4:12], secret[8:], body} {
			if bytes.Contains(data, []byte(text)) {
				t.Errorf("the plan to %s holds %q:\n%s", change, text, data)
			}
		}
		if !bytes.Contains(data, []byte("***")) {
			t.Errorf("the plan to %s does not say that there is one:\n%s", change, data)
		}
		m.push(assetsync.PushOptions{Consent: assetsync.Consent{SecretPaths: []string{"a.md", "metadata.token"}}})
		m.write("a.md", body+" either\npassword: "+secret+"\n")
		m.target.Metadata["token"] = strings.Replace(secret, "q7", "r8", 1)
	}
}

func TestPlanOfWhatIsInConflict(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "a ours")
	m.write("b.md", "b ours")
	w.save(id, "a.md", "a theirs")
	plan := m.mustPlan(assetsync.Conflict)
	if plan.Error != nil || len(plan.Conflicts) != 1 || len(plan.Changes) != 1 {
		t.Fatalf("plan %+v", plan)
	}
	res := m.carryOut(plan)
	m.want(res, assetsync.Conflict)
	if errors.Is(res.Error, assetsync.ErrPlanMoved) || len(res.Versions) != 1 {
		t.Errorf("the rest of it is not published:\n%s", describe(res))
	}
}
