package planfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	idA = "1111111111111111111111111111111111111111"
	idB = "2222222222222222222222222222222222222222"
	idC = "3333333333333333333333333333333333333333"
)

// sample has every member of the format.
func sample() Document {
	return Document{
		Format: Format, MadeBy: "assetsync v1.2.3", MadeAt: time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC), Env: "prod",
		Space:   Space{Endpoint: "https://dp.example", Region: "eu-west-1", AgentSpace: "sp-1", Account: "123456789012"},
		Options: Options{Rev: idC, Prefer: "local", Base: 2, Atomic: true},
		Consent: Consent{Empty: true, Deletes: 12, DeletePaths: []string{"SKILL.md"}, Adopt: true, Create: true, Rollback: true, SecretPaths: []string{"key.md"}},
		Targets: []Target{sampleTarget(), {
			Target: "skills/two", Policy: Policy{Type: "skill", Direction: "push"}, Published: "none",
			Error: &Failure{Kind: "conflict", Message: "superseded by 3f2c1ab", Hint: "push with --rollback"},
		}},
	}
}

func sampleTarget() Target {
	return Target{
		Target: "skills/one", AssetID: "ki-1",
		Policy: Policy{Type: "skill", Asset: "ki-1", Source: "HEAD", Ignore: []string{"evals/"}, AllowSecrets: []string{"*.key"}, Text: "lf",
			Atomic: true, MaxFileCalls: 3, MaxDeletes: 10, MaxDeletePercent: 25, Protected: true, Create: "never", RenamedFrom: "old", Direction: "both", Branch: "main"},
		Source: Source{Tree: idB, Commit: idC}, Observed: Observed{Version: 4, Tree: idA}, After: idB, Published: "zip",
		Changes: []Change{
			{Path: "SKILL.md", Action: "update", Old: idA, New: idB, Size: 12, Why: "changed here, unchanged there"},
			{Path: "a <b> & c.md", Action: "create", New: idB, Size: 1, Why: "new here"},
			{Path: "old.md", Action: "delete", Old: idA, Why: "deleted here"},
		},
		Metadata: []MetadataChange{
			{Key: "agent_types", Old: json.RawMessage(`["GENERIC"]`), New: json.RawMessage(`["CHAT"]`), Action: "publish", Why: "changed here"},
			{Key: "token", New: json.RawMessage(`"ghp_***"`), Action: "publish", Why: "changed here"},
		},
		Pending:   []Change{{Path: "theirs.md", Action: "update", Old: idA, New: idC, Size: 3, Why: "changed there"}},
		Conflicts: []Conflict{{Path: "both.md", Why: "changed on both sides"}},
		Guards:    []Guard{{Guard: "delete cap", Message: "12 files would be deleted", Hint: "allow it with --allow-deletes 12"}},
		Problems:  []Problem{{Path: "x.sh", Kind: "extension", Detail: "is no document", Hint: "rename it"}},
		Findings:  []Finding{{Rule: "dead-link", Path: "SKILL.md", Line: 3, Message: "link leads nowhere", Fix: "correct it"}},
	}
}

// TestGolden holds the format to a file: one that changes needs another number.
func TestGolden(t *testing.T) {
	got, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "plan.json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("Encode (-want +got):\n%s", d)
	}
	read, err := Read(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Encode(read); err != nil || !bytes.Equal(again, want) {
		t.Errorf("what was read is written otherwise: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string {
		t.Helper()
		if !strings.Contains(string(good), old) {
			t.Fatalf("no %s in the sample", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	tests := []struct{ name, text, says string }{
		{"empty", "", "no plan"},
		{"other JSON", `{"targets": []}`, "names no format"},
		{"newer format", replace(`"format": 1`, `"format": 2`), "it has format 2, and this program knows format 1"},
		{"no format", replace(`"format": 1`, `"format": 0`), "format 0"},
		{"unknown member", replace(`"env": "prod"`, `"env": "prod", "force": true`), `unknown field "force"`},
		{"a member twice", replace(`"env": "prod",`, `"env": "staging",`+"\n"+`  "env": "prod",`), "changed it"},
		{"other letters", replace(`"env": "prod"`, `"ENV": "prod"`), "changed it"},
		{"white space", strings.TrimSuffix(string(good), "\n"), "changed it"},
		{"more behind it", string(good) + "{}", "after top-level value"},
		{"an escaped letter", replace(`"env": "prod"`, `"env": "pro\u0064"`), "changed it"},
		{"path out of the asset", replace(`"path": "old.md"`, `"path": "../old.md"`), "old.md"},
		{"path twice", replace(`"path": "old.md"`, `"path": "SKILL.md"`), "stands in it twice"},
		{"target twice", replace(`"target": "skills/two"`, `"target": "skills/one"`), "stands in it twice"},
		{"no id", replace(`"after_tree": "`+idB+`"`, `"after_tree": "x"`), "id"},
		{"no tree", replace(`"after_tree": "`+idB+`"`, `"after_tree": ""`), "id"},
		{"another action", replace(`"action": "delete"`, `"action": "update"`), "not what becomes of it"},
		{"revision that is a name", replace(`"rev": "`+idC+`"`, `"rev": "--upload-pack=x"`), "revision"},
		{"version below zero", replace(`"version": 4`, `"version": -4`), "no version -4"},
		{"version of no environment", replace(`"commit": "`+idC+`"`, `"commit": "`+idC+`",`+"\n"+`        "version": 3`), "version 3 is of no environment"},
		{"lists that are absent", replace(`"problems": [],`, `"problems": null,`), "changed it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want one with %q", err, tt.says)
			}
			var format FormatError
			if !errors.Is(err, ErrNotAPlan) && !errors.As(err, &format) {
				t.Errorf("error %v is of no kind", err)
			}
		})
	}
}

// endless gives spaces for ever.
type endless struct{}

var spaces = bytes.Repeat([]byte(" "), 1<<20)

func (endless) Read(p []byte) (int, error) { return copy(p, spaces), nil }

func TestReadIsBounded(t *testing.T) {
	if _, err := Read(endless{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want %v", err, ErrTooLarge)
	}
}

func TestMoved(t *testing.T) {
	tests := []struct {
		name string
		move func(*Target)
		want []string
	}{
		{"nothing", func(*Target) {}, nil},
		{"the same from another commit", func(n *Target) { n.Source.Commit = idA }, nil},
		{"reasons and order", func(n *Target) { n.Changes[0].Why, n.Changes[0], n.Changes[1] = "x", n.Changes[1], n.Changes[0] }, nil},
		{"version", func(n *Target) { n.Observed.Version = 5 }, []string{"version 5 is live, and the plan was made on version 4"}},
		{"files in place", func(n *Target) { n.Observed.Tree = idC }, []string{"version 4 holds other files than it did"}},
		{"asset", func(n *Target) { n.AssetID = "ki-2" }, []string{"the asset is ki-2, and the plan is for ki-1"}},
		{"asset gone", func(n *Target) { n.AssetID = "" }, []string{"asset ki-1 is gone"}},
		{"file here", func(n *Target) { n.Changes[0].New = idC }, []string{`"SKILL.md" changed here: it is 3333333, and 2222222 in the plan`}},
		{"file there", func(n *Target) { n.Changes[0].Old = idC }, []string{`"SKILL.md" changed on the remote: it is 3333333, and 1111111 in the plan`}},
		{"file more", func(n *Target) {
			n.Changes = append(n.Changes, Change{Path: "new\n.md", Action: "create", New: idC})
		}, []string{`"new\n.md" is not in the plan, and would be changed (create)`}},
		{"file less", func(n *Target) { n.Changes = n.Changes[:2] }, []string{`"old.md" is not to be changed any more, or not by a push`}},
		{"key", func(n *Target) { n.Metadata[0].New = json.RawMessage(`["GENERIC","CHAT"]`) }, []string{`metadata "agent_types" is not as it was for the plan`}},
		{"key as it is written", func(n *Target) { n.Metadata[0].New = json.RawMessage("[ \"CHAT\" ]") }, nil},
		{"conflict", func(n *Target) { n.Conflicts = nil }, []string{"other files are in conflict than were"}},
		{"source", func(n *Target) { n.Source.Tree = idA }, []string{"the files here are not those of which the plan was made (tree 2222222, and now 1111111)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := sampleTarget()
			tt.move(&now)
			if d := cmp.Diff(tt.want, sampleTarget().Moved(now)); d != "" {
				t.Errorf("Moved (-want +got):\n%s", d)
			}
		})
	}
	made := sampleTarget()
	made.AssetID = ""
	if d := cmp.Diff([]string{"asset ki-1 was made since, and the plan makes it"}, made.Moved(sampleTarget())); d != "" {
		t.Errorf("Moved (-want +got):\n%s", d)
	}
}

func TestDone(t *testing.T) {
	now := Target{AssetID: "ki-1", Observed: Observed{Version: 7, Tree: idB}}
	tests := []struct {
		name string
		now  func(*Target)
		live string
		want bool
	}{
		{"all is live", func(*Target) {}, idB, true},
		{"something else is live", func(*Target) {}, idA, false},
		{"there is more to do", func(n *Target) { n.Changes = sampleTarget().Changes }, idB, false},
		{"another asset", func(n *Target) { n.AssetID = "ki-2" }, idB, false},
		{"a key was changed since", func(n *Target) {
			n.Metadata = []MetadataChange{{Key: "agent_types", Action: "pending", New: json.RawMessage(`["CHAT"]`)}}
		}, idB, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := now
			tt.now(&now)
			if got := sampleTarget().Done(now, tt.live); got != tt.want {
				t.Errorf("Done is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestReset(t *testing.T) {
	was, now := sampleTarget().Policy, sampleTarget().Policy
	if keys := was.Reset(now); keys != nil {
		t.Errorf("the same config resets %v", keys)
	}
	now.Asset, now.Ignore, now.MaxDeletes = "ki-2", nil, 11
	if d := cmp.Diff([]string{"asset", "deletes.max_files", "ignore"}, was.Reset(now)); d != "" {
		t.Errorf("Reset (-want +got):\n%s", d)
	}
}

// FuzzParse wants no panic, and of what is taken that it is what Encode writes.
func FuzzParse(f *testing.F) {
	good, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	empty, err := Encode(Document{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(empty)
	f.Add([]byte(`{"format": 1}`))
	f.Add([]byte(`{"format": 2, "targets": {}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Encode(d)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("Encode gives %q (%v) of %q", again, err, data)
		}
		for _, p := range d.Targets {
			if moved := p.Moved(p); len(moved) > 0 {
				t.Errorf("a plan has moved from itself: %v", moved)
			}
		}
	})
}
