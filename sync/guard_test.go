package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

func numbered(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("references/f%02d.md", i)] = fmt.Sprint(i)
	}
	return files
}

func TestGuards(t *testing.T) {
	remove := func(m *machine, n int) {
		for i := range n {
			m.rm(fmt.Sprintf("references/f%02d.md", i))
		}
	}
	tests := []struct {
		name    string
		files   int
		break_  func(t *testing.T, m *machine, id string)
		guard   string
		says    string // in the message or hint
		consent assetsync.Consent
	}{
		{"empty directory", 5, func(t *testing.T, m *machine, _ string) {
			if err := os.RemoveAll(m.dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(m.dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, "root", "is empty, but held 6 files", assetsync.Consent{}},
		{"missing directory", 5, func(t *testing.T, m *machine, _ string) {
			if err := os.RemoveAll(m.dir); err != nil {
				t.Fatal(err)
			}
		}, "root", "is empty, but held 6 files", assetsync.Consent{}},
		{"another directory", 12, func(t *testing.T, m *machine, _ string) {
			if err := os.RemoveAll(m.dir); err != nil {
				t.Fatal(err)
			}
			m.write("SKILL.md", skillMain)
			m.write("other.md", "x")
		}, "root", "looks like another one", assetsync.Consent{Empty: true, Deletes: 12}},
		{"too many deletes", 40, func(t *testing.T, m *machine, _ string) { remove(m, 11) },
			"delete cap", "--allow-deletes 11", assetsync.Consent{Deletes: 11}},
		{"too large a share", 5, func(t *testing.T, m *machine, _ string) { remove(m, 2) },
			"delete cap", "2 files of 6 would be deleted", assetsync.Consent{Deletes: 2}},
		{"many small pushes within the hour", 40, func(t *testing.T, m *machine, _ string) {
			remove(m, 9)
			m.mustPush(assetsync.Published)
			m.rm("references/f09.md")
			m.rm("references/f10.md")
		}, "delete cap", "after 9 in the last hour", assetsync.Consent{Deletes: 2}},
		{"main file", 5, func(t *testing.T, m *machine, _ string) { m.rm("SKILL.md") },
			"main file", "--allow-deletes SKILL.md", assetsync.Consent{}},
		{"protected", 2, func(t *testing.T, m *machine, _ string) {
			m.target.Protected = true
			m.write("a.md", "x")
		}, "protected", "--allow-protected", assetsync.Consent{Protected: true}},
		{"imported from a repository", 2, func(t *testing.T, m *machine, id string) {
			m.setMetadata(id, map[string]any{"source": "https://example.com/x"})
			m.write("a.md", "x")
		}, "ownership", "--adopt", assetsync.Consent{Adopt: true}},
		{"an asset that is gone", 2, func(t *testing.T, m *machine, id string) {
			m.deleteAsset(id)
			m.write("a.md", "x")
		}, "root", "is gone", assetsync.Consent{Empty: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(numbered(tt.files)))
			id := m.mustPush(assetsync.Created).AssetID
			tt.break_(t, m, id)
			before := w.wrote()
			if res := m.push(assetsync.PushOptions{DryRun: true, Strict: true}); res.Guard != tt.guard || res.Outcome != assetsync.Blocked {
				t.Errorf("a strict dry run is stopped by %q\n%s", res.Guard, describe(res))
			}
			if res := m.status(); res.Guard != tt.guard && !strings.Contains(describe(res), "a push would stop here ("+tt.guard+")") {
				t.Errorf("status does not tell of it:\n%s", describe(res))
			}
			res := m.push(assetsync.PushOptions{})
			m.want(res, assetsync.Blocked)
			if res.Guard != tt.guard || res.Error.Kind != assetsync.KindGuard {
				t.Errorf("guard %q kind %s, want %q\n%s", res.Guard, res.Error.Kind, tt.guard, describe(res))
			}
			if said := res.Error.Message + "; " + res.Error.Hint; !strings.Contains(said, tt.says) {
				t.Errorf("said %q, want %q in it", said, tt.says)
			}
			if got := w.writes(before); len(got) > 0 {
				t.Errorf("a stopped push wrote %q", got)
			}
			if fmt.Sprint(tt.consent) == fmt.Sprint(assetsync.Consent{}) {
				return
			}
			res = m.push(assetsync.PushOptions{Consent: tt.consent})
			if res.Error != nil {
				t.Fatalf("with consent: %s", describe(res))
			}
			w.wantLive(res.AssetID, m.files())
			m.wantQuietWith(tt.consent)
		})
	}
}

// TestRenamesAreNoDeletions renames all files of a skill within an hour.
func TestRenamesAreNoDeletions(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(numbered(5)))
	id := m.mustPush(assetsync.Created).AssetID
	for i := range 5 {
		m.rm(fmt.Sprintf("references/f%02d.md", i))
		m.write(fmt.Sprintf("docs/f%02d.md", i), fmt.Sprint(i))
		m.mustPush(assetsync.Published)
	}
	w.wantLive(id, m.files())
	m.rm("docs/f00.md") // this one is
	m.rm("docs/f01.md")
	m.write("docs/f09.md", "0")
	m.mustPush(assetsync.Published)
	m.rm("docs/f02.md")
	m.want(m.push(assetsync.PushOptions{}), assetsync.Blocked)
}

func TestOlderRemote(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	m.mustPush(assetsync.Created)
	m.write("a.md", "a")
	m.mustPush(assetsync.Published)
	// Another space answers with an asset of the same id at an older version.
	other := newWorld(t)
	twin := other.machine(skill(nil))
	if id := twin.mustPush(assetsync.Created).AssetID; id != m.status().AssetID {
		t.Fatalf("the twin has id %s", id)
	}
	m.world = other
	m.write("a.md", "b")
	res := m.push(assetsync.PushOptions{})
	m.want(res, assetsync.Blocked)
	if res.Guard != "root" || !strings.Contains(res.Error.Message, "at version 1, but was at version 2") {
		t.Errorf("guard %q: %s", res.Guard, res.Error.Message)
	}
}

func TestDeletionsOfLongAgoDoNotCount(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(numbered(40)))
	m.mustPush(assetsync.Created)
	for i := range 9 {
		m.rm(fmt.Sprintf("references/f%02d.md", i))
	}
	m.mustPush(assetsync.Published)
	w.now = w.now.Add(2 * time.Hour)
	m.rm("references/f20.md")
	m.rm("references/f21.md")
	m.mustPush(assetsync.Published)
}

func TestProtectedCreation(t *testing.T) {
	for name, tt := range map[string]struct {
		create  assetsync.CreatePolicy
		consent assetsync.Consent
		want    assetsync.Outcome
	}{
		"no consent":           {"", assetsync.Consent{}, assetsync.Blocked},
		"to write only":        {"", assetsync.Consent{Protected: true}, assetsync.Blocked},
		"to create and write":  {"", assetsync.Consent{Protected: true, Create: true}, assetsync.Created},
		"create: true":         {assetsync.CreateAlways, assetsync.Consent{Protected: true}, assetsync.Created},
		"create: false always": {assetsync.CreateNever, assetsync.Consent{Protected: true, Create: true}, assetsync.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(nil))
			m.target.Protected, m.target.Create = true, tt.create
			m.want(m.push(assetsync.PushOptions{Consent: tt.consent}), tt.want)
			if tt.want != assetsync.Created && w.wrote() > 0 {
				t.Error("something was written")
			}
		})
	}
}

// TestProblemsStopTheTarget wants every problem told at once and nothing
// sent.
func TestProblemsStopTheTarget(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "changed")
	m.write("grün.md", "x")
	m.write("with space.md", "x")
	m.write("big.md", strings.Repeat("x", 7_000_000))
	if err := os.Symlink("/etc/passwd", filepath.Join(m.dir, "outside.md")); err != nil {
		t.Fatal(err)
	}
	before := w.wrote()
	res := m.push(assetsync.PushOptions{})
	m.want(res, assetsync.Blocked)
	var got []string
	for _, p := range res.Problems {
		got = append(got, string(p.Path)+" "+string(p.Kind))
	}
	for _, want := range []string{"grün.md bad-name", "with space.md bad-name", "big.md too-large", "outside.md link-escapes"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("problems %q lack %q", got, want)
		}
	}
	if n := len(w.writes(before)); n > 0 {
		t.Errorf("%d writes", n)
	}
	if live := w.live(id, 0)["a.md"]; live != "a" {
		t.Errorf("a.md was published beside problems: %q", live)
	}
	m.target.Ignore = []string{"gr*n.md", "with space.md", "big.md", "outside.md"}
	m.mustPush(assetsync.Published)
}

// TestRulesOfTheTypeStopTheTarget wants what the service would refuse to be
// told before anything is sent.
func TestRulesOfTheTypeStopTheTarget(t *testing.T) {
	tests := map[string]struct {
		change func(*machine)
		says   string
	}{
		"101 files":      {func(m *machine) { writeAll(m, numbered(101)) }, "100"},
		"scripts":        {func(m *machine) { m.write("scripts/run.md", "x") }, "scripts/"},
		"an extension":   {func(m *machine) { m.write("tool.exe", "x") }, "tool.exe"},
		"no frontmatter": {func(m *machine) { m.write("SKILL.md", "# no\n") }, "name is required"},
		"6 MiB in all": {func(m *machine) {
			for i := range 4 {
				m.write(fmt.Sprintf("assets/f%d.png", i), random(2<<20))
			}
		}, "6291456"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(nil))
			tt.change(m)
			res := m.push(assetsync.PushOptions{})
			m.want(res, assetsync.Blocked)
			said := describe(res)
			for _, p := range res.Problems {
				said += string(p.Path) + ": " + p.Detail + "\n"
			}
			if !strings.Contains(said, tt.says) {
				t.Errorf("said %q, want %q in it", said, tt.says)
			}
			if w.wrote() > 0 {
				t.Error("something was written")
			}
		})
	}
}

// TestWarningsOfTheTypeAreTold publishes a skill whose frontmatter is no YAML,
// as one real skill's is, and wants to hear of it.
func TestWarningsOfTheTypeAreTold(t *testing.T) {
	w := newWorld(t)
	m := w.machine(map[string]string{"SKILL.md": strings.Replace(skillMain, "description: ", "description: Use it: ", 1)})
	res := m.mustPush(assetsync.Created)
	if said := strings.Join(res.Notes, "\n"); !strings.Contains(said, "SKILL.md: line 3: frontmatter is read line by line") {
		t.Errorf("notes %q", said)
	}
}
