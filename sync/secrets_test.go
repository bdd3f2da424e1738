package sync_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// aSecret looks like a token; it is put together so that this file does not.
const aSecret = "gh" + "p_" + "q7Rf2LmZx0Vt8Ks3NyBwEu5JhGd1CaPi4Te6"

// wantNoSecret looks through all that a run says.
func wantNoSecret(t *testing.T, res assetsync.Result) {
	t.Helper()
	if said := describe(res); strings.Contains(said, aSecret[4:12]) {
		t.Errorf("the secret is told:\n%s", said)
	}
}

func TestSecrets(t *testing.T) {
	tests := []struct {
		name   string
		change func(m *machine)
		says   string // in the message or hint; "" when nothing stops
		allow  []string
	}{
		{"new file", func(m *machine) { m.write("references/db.md", "a\ntoken "+aSecret+"\n") },
			"references/db.md:2 (github-token: ghp_***) looks like a credential", []string{"references/db.md"}},
		{"changed file, by its full path", func(m *machine) { m.write("a.md", aSecret) },
			"--allow-secret demo/a.md", []string{"./demo/a.md"}},
		{"two files", func(m *machine) { m.write("a.md", aSecret); m.write("b.md", "password: tR5kQ0zWn2Lx8vB1") },
			"these look like credentials: a.md:1 (github-token: ghp_***), b.md:1 (assigned-secret: password = ***)", []string{"a.md", "demo/b.md"}},
		{"a zip", func(m *machine) { writeAll(m, numbered(6)); m.write("references/f03.md", aSecret) },
			"references/f03.md:1", []string{"references/f03.md"}},
		{"a placeholder", func(m *machine) { m.write("a.md", "token: <your-token>, AKIAIOSFODNN7EXAMPLE") }, "", nil},
		{"allowed by the config", func(m *machine) {
			m.target.AllowSecrets = []string{"fixtures/", "*.pem"}
			m.write("fixtures/deep/a.md", aSecret)
		}, "", nil},
		{"ignored", func(m *machine) { m.target.Ignore = []string{"b.md"}; m.write("b.md", aSecret); m.write("a.md", "x") }, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			id := m.mustPush(assetsync.Created).AssetID
			live := w.live(id, 0)
			tt.change(m)
			if tt.says == "" {
				m.mustPush(assetsync.Published)
				return
			}
			before := w.wrote()
			for name, res := range map[string]assetsync.Result{"dry run": m.push(assetsync.PushOptions{DryRun: true}), "status": m.status()} {
				if said := strings.Join(res.Notes, "\n"); res.Error != nil || !strings.Contains(said, "a push would stop here (secrets)") || !strings.Contains(said, tt.says) {
					t.Errorf("%s says %s", name, describe(res))
				}
				wantNoSecret(t, res)
			}
			res := m.push(assetsync.PushOptions{})
			m.want(res, assetsync.Blocked)
			if said := res.Error.Message + "; " + res.Error.Hint; res.Guard != "secrets" || !strings.Contains(said, tt.says) {
				t.Errorf("guard %q said %q, want %q in it", res.Guard, said, tt.says)
			}
			wantNoSecret(t, res)
			m.want(m.push(assetsync.PushOptions{Consent: assetsync.Consent{SecretPaths: []string{"c.md", "other/a.md"}}}), assetsync.Blocked)
			if got := w.writes(before); len(got) > 0 {
				t.Errorf("a stopped push wrote %q", got)
			}
			w.wantLive(id, live)
			m.want(m.push(assetsync.PushOptions{Consent: assetsync.Consent{SecretPaths: tt.allow}}), assetsync.Published)
			w.wantLive(id, m.files())
			m.wantQuiet() // it is not looked at again until it changes
		})
	}
}

// TestSecretsOfNewAsset wants the guard before an asset is made, and the
// protection of an environment told beside it.
func TestSecretsOfNewAsset(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": aSecret}))
	m.target.Protected = true
	for _, said := range []string{strings.Join(m.status().Notes, "\n"), strings.Join(m.push(assetsync.PushOptions{DryRun: true}).Notes, "\n")} {
		if !strings.Contains(said, "a push would stop here (secrets): a.md:1") {
			t.Errorf("said %q", said)
		}
	}
	m.want(m.push(assetsync.PushOptions{Consent: assetsync.Consent{Protected: true, Create: true}}), assetsync.Blocked)
	if w.wrote() > 0 {
		t.Error("something was written")
	}
	m.want(m.push(assetsync.PushOptions{Consent: assetsync.Consent{Protected: true, Create: true, SecretPaths: []string{"a.md"}}}), assetsync.Created)
}

// TestSecretsOfOneFile names a file of its own as the config does.
func TestSecretsOfOneFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.write("AGENTS.md", "Say "+aSecret+" to the door.\n")
	m.target.Name, m.target.Path, m.target.Type = "ops/AGENTS.md#CHAT", filepath.Join(m.dir, "AGENTS.md"), "agents_md"
	m.target.Metadata = map[string]any{"agent_type": "CHAT"}
	res := m.push(assetsync.PushOptions{})
	m.want(res, assetsync.Blocked)
	if !strings.Contains(res.Error.Hint, "--allow-secret ops/AGENTS.md,") {
		t.Errorf("hint %q", res.Error.Hint)
	}
	m.want(m.push(assetsync.PushOptions{Consent: assetsync.Consent{SecretPaths: []string{"ops/AGENTS.md"}}}), assetsync.Created)
}

// TestPullTakesSecrets checks out what is live, whatever it holds.
func TestPullTakesSecrets(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", aSecret)
	m.want(m.pull(assetsync.PullOptions{}), assetsync.CheckedOut)
	if m.files()["a.md"] != aSecret {
		t.Error("a.md was not checked out")
	}
	m.wantQuiet()
}

// TestSecretsOfRealSkills wants no false alarm for any file of any commit.
func TestSecretsOfRealSkills(t *testing.T) {
	clone := realSkillsClone(t)
	out, err := exec.Command("git", "-C", clone, "rev-list", "--objects", "--all", "--filter=object:type=blob", "--filter-provided-objects").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 50 {
		t.Fatalf("%d files", len(lines))
	}
	w := newWorld(t)
	m := w.machine(skill(nil))
	m.mustPush(assetsync.Created)
	for len(lines) > 0 { // one commit's worth of them at a time: an asset has at most 100 files
		n := min(len(lines), 40)
		writeAll(m, blobsOf(t, clone, lines[:n]))
		for _, note := range m.status().Notes {
			if strings.Contains(note, "secrets") {
				t.Error(note)
			}
		}
		lines = lines[n:]
	}
}

// blobsOf reads blobs, named as rev-list names them.
func blobsOf(t *testing.T, clone string, lines []string) map[string]string {
	files := map[string]string{}
	for _, line := range lines {
		id, _, _ := strings.Cut(line, " ")
		data, err := exec.Command("git", "-C", clone, "cat-file", "blob", id).Output()
		if err != nil {
			t.Fatal(err)
		}
		files["references/"+id+".md"] = string(data)
	}
	return files
}
