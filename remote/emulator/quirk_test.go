package emulator_test

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote"
	"assetsync/remote/emulator"
	"assetsync/remote/remotetest"
)

// quirkCases show every reading of every quirk.
var quirkCases = map[string]func(t *testing.T, u user){
	"create-existing=conflict": func(t *testing.T, u user) {
		wantKind(t, u.createFile(u.create(skillFiles()), "references/a.md", "b\n"), remote.KindConflict)
	},
	"create-existing=validation": func(t *testing.T, u user) {
		wantKind(t, u.createFile(u.create(skillFiles()), "references/a.md", "b\n"), remote.KindValidation)
	},
	"create-existing=overwrite": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.createFile(id, "references/a.md", "b\n"))
		want(t, "content", u.read(id, "references/a.md"), "b\n")
	},
	"delete-missing=not-found": func(t *testing.T, u user) {
		wantKind(t, u.deleteFile(u.create(skillFiles()), "references/b.md"), remote.KindNotFound)
	},
	"delete-missing=validation": func(t *testing.T, u user) {
		wantKind(t, u.deleteFile(u.create(skillFiles()), "references/b.md"), remote.KindValidation)
	},
	"delete-missing=ok": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.deleteFile(id, "references/b.md"))
		want(t, "version", u.version(id), 1)
	},
	"missing-version=not-found": func(t *testing.T, u user) { wantKind(t, u.getVersion(u.create(skillFiles()), 2), remote.KindNotFound) },
	"missing-version=validation": func(t *testing.T, u user) {
		wantKind(t, u.getVersion(u.create(skillFiles()), 2), remote.KindValidation)
	},
	"update-missing=not-found": func(t *testing.T, u user) {
		wantKind(t, u.updateFile(u.create(skillFiles()), "references/b.md", "b\n"), remote.KindNotFound)
	},
	"update-missing=validation": func(t *testing.T, u user) {
		wantKind(t, u.updateFile(u.create(skillFiles()), "references/b.md", "b\n"), remote.KindValidation)
	},
	"update-missing=create": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.updateFile(id, "references/b.md", "b\n"))
		want(t, "content", u.read(id, "references/b.md"), "b\n")
	},
	"file-create-version=bump": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.createFile(id, "references/b.md", "b\n"))
		want(t, "version", u.version(id), 2)
		want(t, "version of the file", *u.file(id, "references/b.md").Version, 2)
	},
	"file-create-version=keep": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.createFile(id, "references/b.md", "b\n"))
		want(t, "version", u.version(id), 1)
		want(t, "content", u.read(id, "references/b.md"), "b\n")
	},
	"file-delete-version=bump": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.deleteFile(id, "references/a.md"))
		want(t, "version", u.version(id), 2)
	},
	"file-delete-version=keep": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.deleteFile(id, "references/a.md"))
		want(t, "version", u.version(id), 1)
		want(t, "files", len(u.paths(id)), 1)
	},
	"file-version=last-change": func(t *testing.T, u user) { fileVersions(t, u, 1, 2) },
	"file-version=asset":       func(t *testing.T, u user) { fileVersions(t, u, 2, 2) },
	"timestamps=fraction": func(t *testing.T, u user) {
		a := u.get(u.create(skillFiles()))
		want(t, "has a fraction", a.CreatedAt.Nanosecond() > 0, true)
	},
	"timestamps=seconds": func(t *testing.T, u user) {
		a := u.get(u.create(skillFiles()))
		want(t, "whole seconds", a.CreatedAt.Equal(a.CreatedAt.Truncate(time.Second)), true)
	},
	"timestamps=frozen": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.check(u.updateFile(id, "references/a.md", "b\n"))
		a := u.get(id)
		want(t, "updatedAt", *a.UpdatedAt, *a.CreatedAt)
		want(t, "updatedAt of the file", *u.file(id, "references/a.md").UpdatedAt, *a.CreatedAt)
	},
	"text-readback=text": func(t *testing.T, u user) {
		_, isText := u.file(u.create(skillFiles()), "references/a.md").Content.(*remote.AssetFileBodyMemberText)
		want(t, "text", isText, true)
	},
	"text-readback=bytes": func(t *testing.T, u user) {
		_, isText := u.file(u.create(skillFiles()), "references/a.md").Content.(*remote.AssetFileBodyMemberText)
		want(t, "text", isText, false)
	},
	"rewrite=off": func(t *testing.T, u user) {
		want(t, "SKILL.md", u.read(u.create(skillFiles()), "SKILL.md"), skillMD)
	},
	"rewrite=frontmatter": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		want(t, "SKILL.md", u.read(id, "SKILL.md"), rewritten)
		want(t, "version", u.version(id), 1)
		u.check(u.updateFile(id, "references/a.md", "b\n"))
		want(t, "version", u.version(id), 2)
	},
	"rewrite=extra-version": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		want(t, "version", u.version(id), 2)
		want(t, "SKILL.md", u.read(id, "SKILL.md"), rewritten)
		a := u.updateZip(id, skillFiles())
		want(t, "version in the answer", *a.Version, 3)
		want(t, "version", u.version(id), 4)
		u.check(u.updateFile(id, "references/a.md", "b\n"))
		want(t, "version", u.version(id), 5)
	},
	"list-order=path": func(t *testing.T, u user) {
		paths := u.paths(u.create(skillFiles("b.md", "c.md", "d.md")))
		want(t, "sorted", slices.IsSorted(paths), true)
	},
	"list-order=reverse": func(t *testing.T, u user) {
		paths := u.paths(u.create(skillFiles("b.md", "c.md", "d.md")))
		slices.Reverse(paths)
		want(t, "reversed", slices.IsSorted(paths), true)
	},
	"list-order=random": func(t *testing.T, u user) {
		id := u.create(skillFiles("b.md", "c.md", "d.md", "e.md", "f.md"))
		first, second := u.paths(id), u.paths(id)
		want(t, "the same twice", slices.Equal(first, second), false)
		slices.Sort(first)
		slices.Sort(second)
		want(t, "the same set", slices.Equal(first, second), true)
	},
	"version-order=newest": func(t *testing.T, u user) { versionOrder(t, u, 3, 2, 1) },
	"version-order=oldest": func(t *testing.T, u user) { versionOrder(t, u, 1, 2, 3) },
	"page-size=2": func(t *testing.T, u user) {
		_, pages := u.list(u.create(skillFiles("b.md", "c.md", "d.md")))
		if diff := cmp.Diff([]int{2, 2, 1}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	},
	"empty-pages=off": func(t *testing.T, u user) {
		_, pages := u.list(u.create(skillFiles()))
		want(t, "pages", len(pages), 1)
	},
	"empty-pages=on": func(t *testing.T, u user) {
		_, pages := u.list(u.create(skillFiles()))
		if diff := cmp.Diff([]int{0, 2}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	},
	"list-lag=2": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		for range 2 {
			want(t, "assets", len(u.assets()), 0)
		}
		want(t, "version", u.assets()[*id], 1)
		u.updateZip(id, skillFiles())
		want(t, "version by GetAsset", u.version(id), 2)
		want(t, "version", u.assets()[*id], 1)
		want(t, "version", u.assets()[*id], 2)
		_, err := u.DeleteAsset(t.Context(), &remote.DeleteAssetInput{AgentSpaceId: new(space), AssetId: id})
		u.check(err)
		want(t, "version", u.assets()[*id], 2)
		want(t, "version", u.assets()[*id], 2)
		want(t, "assets", len(u.assets()), 0)
	},
	"prune-versions=2": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		u.updateZip(id, skillFiles())
		u.updateZip(id, skillFiles())
		want(t, "versions", len(u.versions(id)), 2)
		_, err := u.GetAssetContent(t.Context(), &remote.GetAssetContentInput{AgentSpaceId: new(space), AssetId: id, AssetVersion: new(int32(1))})
		wantKind(t, err, remote.KindNotFound)
		_, err = u.GetAssetContent(t.Context(), &remote.GetAssetContentInput{AgentSpaceId: new(space), AssetId: id, AssetVersion: new(int32(2))})
		u.check(err)
	},
	"version-step=3": func(t *testing.T, u user) {
		id := u.create(skillFiles())
		want(t, "version", *u.updateZip(id, skillFiles()).Version, 4)
		want(t, "version", u.version(id), 4)
	},
	"zip-file-metadata=drop": func(t *testing.T, u user) { want(t, "metadata", metadataAfterZip(u), "") },
	"zip-file-metadata=keep": func(t *testing.T, u user) { want(t, "metadata", metadataAfterZip(u), `{"reviewed":true}`) },
	"null-metadata=error": func(t *testing.T, u user) {
		_, err := nullTeam(u)
		wantKind(t, err, remote.KindValidation)
	},
	"null-metadata=remove": func(t *testing.T, u user) {
		m, err := nullTeam(u)
		u.check(err)
		_, has := m["team"]
		want(t, "has the key", has, false)
	},
	"null-metadata=store": func(t *testing.T, u user) {
		m, err := nullTeam(u)
		u.check(err)
		v, has := m["team"]
		want(t, "has the key with null", has && v == nil, true)
	},
	"read-zip=rebuilt":  func(t *testing.T, u user) { want(t, "the same bytes", sameZip(u), false) },
	"read-zip=uploaded": func(t *testing.T, u user) { want(t, "the same bytes", sameZip(u), true) },
}

const rewritten = "---\nstatus: \"ACTIVE\"\nagent_types: [\"GENERIC\"]\nname: queue\n" +
	"description: Look at backlog age when workers fall behind.\n---\n# Steps\n"

func fileVersions(t *testing.T, u user, untouched, touched int32) {
	id := u.create(skillFiles())
	u.check(u.updateFile(id, "references/a.md", "b\n"))
	files, _ := u.list(id)
	want(t, "version of "+*files[0].Path, *files[0].Version, untouched)
	want(t, "version of "+*files[1].Path, *files[1].Version, touched)
}

func versionOrder(t *testing.T, u user, order ...int32) {
	id := u.create(skillFiles())
	u.updateZip(id, skillFiles())
	u.updateZip(id, skillFiles())
	if diff := cmp.Diff(order, u.versions(id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func metadataAfterZip(u user) string {
	id := u.create(skillFiles())
	_, err := u.UpdateAssetFile(u.t.Context(), &remote.UpdateAssetFileInput{
		AgentSpaceId: new(space), AssetId: id, Path: new("references/a.md"), Metadata: doc(u.t, map[string]any{"reviewed": true}),
	})
	u.check(err)
	u.updateZip(id, skillFiles())
	return string(u.file(id, "references/a.md").Metadata)
}

func nullTeam(u user) (map[string]any, error) {
	id := u.create(skillFiles())
	for _, team := range []any{"ops", nil} {
		_, err := u.UpdateAsset(u.t.Context(), &remote.UpdateAssetInput{
			AgentSpaceId: new(space), AssetId: id, Metadata: doc(u.t, map[string]any{"team": team}),
		})
		if err != nil {
			return nil, err
		}
	}
	return u.get(id).Metadata.Map()
}

// sameZip uploads an archive with a comment at its end.
func sameZip(u user) bool {
	archive := zipOf(u.t, skillFiles()).(*remote.AssetContentMemberZip)
	raw := archive.Value.ZipFile
	raw = append(raw[:len(raw)-2:len(raw)-2], "\x02\x00hi"...)
	archive.Value.ZipFile = raw
	out, err := u.CreateAsset(u.t.Context(), &remote.CreateAssetInput{
		AgentSpaceId: new(space), AssetType: new("skill"), Metadata: doc(u.t, map[string]any{"agent_types": []any{"CHAT"}}), Content: archive,
	})
	u.check(err)
	return bytes.Equal(u.zip(out.Asset.AssetId), raw)
}

func quirks(t testing.TB, texts ...string) func(*emulator.Options) {
	t.Helper()
	var q emulator.Quirks
	for _, s := range texts {
		if err := q.ParseQuirk(s); err != nil {
			t.Fatal(err)
		}
	}
	return func(o *emulator.Options) { o.Quirks = q }
}

func TestQuirks(t *testing.T) {
	for name, run := range quirkCases {
		t.Run(name, func(t *testing.T) {
			run(t, newUser(t, newServer(t, quirks(t, name))))
			if isDefault(t, name) {
				run(t, newUser(t, newServer(t, nil)))
			}
		})
	}
}

func isDefault(t *testing.T, name string) bool {
	for _, q := range emulator.AllQuirks() {
		if len(q.Readings) > 0 && name == q.Name+"="+q.Readings[0] {
			return true
		}
	}
	return false
}

func TestEveryReadingIsShown(t *testing.T) {
	for _, q := range emulator.AllQuirks() {
		if q.About == "" {
			t.Errorf("%s is not documented", q.Name)
		}
		for _, reading := range q.Readings {
			if quirkCases[q.Name+"="+reading] == nil {
				t.Errorf("%s=%s is not tested", q.Name, reading)
			}
		}
		shown := func(name string) bool { return strings.HasPrefix(name, q.Name+"=") }
		if len(q.Readings) == 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(quirkCases)), shown) {
			t.Errorf("%s is not tested", q.Name)
		}
	}
}

// The checks accept every reading of what nobody knows, all at once.
func TestConformanceUnderQuirks(t *testing.T) {
	for name, all := range map[string]string{
		"first": "create-existing=overwrite delete-missing=ok empty-pages=on file-create-version=keep file-delete-version=keep " +
			"file-version=asset list-lag=7 list-order=random null-metadata=store page-size=1 read-zip=uploaded " +
			"text-readback=bytes timestamps=frozen update-missing=create version-order=oldest zip-file-metadata=keep",
		"second": "create-existing=validation delete-missing=validation list-order=reverse null-metadata=remove " +
			"timestamps=seconds update-missing=validation page-size=3",
	} {
		t.Run(name, func(t *testing.T) { runChecks(t, embedded(newServer(t, quirks(t, strings.Fields(all)...))), megabytes) })
	}
}

// A quirk that goes against what was observed is seen.
func TestChecksFail(t *testing.T) {
	for _, c := range []struct{ quirk, check string }{
		{"version-step=2", "update-raises"}, {"version-step=2", "file-update"}, {"prune-versions=1", "old-versions"},
		{"rewrite=frontmatter", "create-zip"}, {"rewrite=extra-version", "token-update"},
	} {
		t.Run(c.quirk+" "+c.check, func(t *testing.T) {
			target := embedded(newServer(t, quirks(t, c.quirk)))
			all := remotetest.Checks()
			i := slices.IndexFunc(all, func(known remotetest.Check) bool { return known.Name == c.check })
			if err := all[i].Run(t.Context(), target); err == nil {
				t.Error("the check passed")
			}
		})
	}
}

func TestParseQuirk(t *testing.T) {
	for _, c := range []struct{ text, err string }{
		{"rewrite=off", ""},
		{"page-size=0", ""},
		{"rewrite", `quirk "rewrite": want NAME=READING`},
		{"rewrites=off", `quirk "rewrites": unknown, want one of create-existing, delete-missing, `},
		{"rewrite=maybe", `quirk rewrite: "maybe" is not one of off, frontmatter, extra-version`},
		{"page-size=-1", `quirk page-size: "-1" is not a number from 0 to 1000000`},
		{"page-size=" + strconv.Itoa(1_000_001), `quirk page-size: "1000001" is not a number from 0 to 1000000`},
	} {
		var q emulator.Quirks
		err := q.ParseQuirk(c.text)
		if got := errorText(err); !strings.HasPrefix(got, c.err) || (c.err == "") != (err == nil) {
			t.Errorf("%s: got %q, want %q", c.text, got, c.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
