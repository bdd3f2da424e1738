package sync_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"assetsync/manifest"
	"assetsync/remote"
	assetsync "assetsync/sync"
)

func (m *machine) verify(pushed *assetsync.Result) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Verify(m.t.Context(), pushed) })
	return res
}

// wantUsable wants what is live to be as it should be.
func (m *machine) wantUsable(res assetsync.Result) {
	m.t.Helper()
	if !res.Verified || res.Error != nil || len(res.Problems) > 0 {
		m.t.Errorf("not usable:\n%s", describe(res))
	}
}

// setZip is an upload of files in the web app.
func (w *world) setZip(id string, files map[string]string) {
	w.t.Helper()
	content := map[manifest.Path][]byte{}
	for p, data := range files {
		content[manifest.Path(p)] = []byte(data)
	}
	bundle, err := manifest.NewBundle(content)
	if err != nil {
		w.t.Fatal(err)
	}
	zipped, err := manifest.ZipBytes(bundle)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.web().UpdateAsset(context.Background(), &remote.UpdateAssetInput{
		AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Content: &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: zipped}},
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestVerify(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(m *machine, id string)
		want  []string // KIND PATH of each problem
		says  string   // in one of them
	}{
		{"nothing", func(*machine, string) {}, nil, ""},
		{"changed here", func(m *machine, _ string) { m.write("a.md", "new") }, []string{"content a.md"}, "assetsync push publishes it"},
		{"new here", func(m *machine, _ string) { m.write("new.md", "new") }, []string{"not-live new.md"}, "is not on the remote"},
		{"changed there", func(m *machine, id string) { m.save(id, "a.md", "theirs") }, []string{"content a.md"}, "assetsync pull takes it"},
		{"new there", func(m *machine, id string) { m.save(id, "b.md", "theirs") }, []string{"content b.md"}, "is on the remote, and not here"},
		{"ignored there", func(m *machine, id string) {
			m.target.Ignore = []string{"b.md"}
			m.save(id, "b.md", "theirs")
		}, nil, ""},
		{"gone there", func(m *machine, id string) { m.remove(id, "a.md") }, []string{"not-live a.md"}, "is not on the remote"},
		{"INACTIVE, declared ACTIVE", func(m *machine, id string) {
			m.target.Metadata["status"] = "ACTIVE"
			m.setMetadata(id, map[string]any{"status": "INACTIVE"})
		}, []string{"metadata "}, `status is "INACTIVE", and in the config it is "ACTIVE"`},
		{"agent types", func(m *machine, id string) { m.setMetadata(id, map[string]any{"agent_types": []any{"CHAT"}}) },
			[]string{"metadata "}, `agent_types is "CHAT", and in the config it is "GENERIC"`},
		{"frontmatter", func(m *machine, id string) { m.setMetadata(id, map[string]any{"description": "Another one."}) },
			[]string{"metadata "}, `description is "Another one.", and by the file it is "Look at`},
		{"wrapping folder", func(m *machine, id string) {
			m.setZip(id, map[string]string{"demo/SKILL.md": skillMain, "demo/a.md": "a"})
			m.write("demo/SKILL.md", skillMain)
			m.write("demo/a.md", "a")
			m.rm("SKILL.md")
			m.rm("a.md")
		}, []string{"wrapping-folder demo/SKILL.md"}, "publish the directory that holds"},
		{"dangling link", func(m *machine, id string) {
			m.write("SKILL.md", skillMain+"[x](gone.md)\n")
			m.save(id, "SKILL.md", skillMain+"[x](gone.md)\n")
		}, []string{"dead-link SKILL.md"}, `link "gone.md" leads to no file`},
		{"dangling link in another file", func(m *machine, id string) {
			m.write("a.md", "[x](gone.md)\n")
			m.save(id, "a.md", "[x](gone.md)\n")
		}, nil, ""},
		{"asset is gone", func(m *machine, id string) { m.deleteAsset(id) }, []string{"not-live "}, "is gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newWorld(t).machine(skill(map[string]string{"a.md": "a"}))
			id := m.mustPush(assetsync.Created).AssetID
			tt.spoil(m, id)
			since := m.wrote()
			res := m.verify(nil)
			var got, all []string
			for _, p := range res.Problems {
				got = append(got, fmt.Sprintf("%s %s", p.Kind, p.Path))
				all = append(all, p.Detail+"; "+p.Hint)
			}
			if !slices.Equal(got, tt.want) || !strings.Contains(strings.Join(all, "\n"), tt.says) {
				t.Errorf("problems %q, want %q\n%s", got, tt.want, strings.Join(all, "\n"))
			}
			if len(tt.want) == 0 {
				m.wantUsable(res)
			} else if res.Error == nil || res.Error.Kind != assetsync.KindUnusable || res.Verified {
				t.Errorf("error %v", res.Error)
			}
			if ops := m.writes(since); len(ops) > 0 {
				t.Errorf("wrote %v", ops)
			}
		})
	}
}

// TestVerifyDerivedHint does what verify says about metadata that is not as the
// frontmatter has it: both ways make it pass.
func TestVerifyDerivedHint(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"theirs is taken over": func(text string) string {
			return regexp.MustCompile(`(?m)^description: .*`).ReplaceAllString(text, "description: Another one.")
		},
		"edited": func(text string) string {
			return regexp.MustCompile(`(?m)^description: .*`).ReplaceAllString(text, "$0 More.")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newWorld(t).machine(skill(nil))
			id := m.mustPush(assetsync.Created).AssetID
			m.setMetadata(id, map[string]any{"description": "Another one."})
			res := m.verify(nil)
			if len(res.Problems) != 1 || !strings.Contains(res.Problems[0].Hint, "changes the frontmatter of SKILL.md") {
				t.Fatalf("result:\n%s", describe(res))
			}
			m.write("SKILL.md", edit(skillMain))
			m.mustPush(assetsync.Published)
			m.wantUsable(m.verify(nil))
		})
	}
}

// TestVerifyWithoutAsset asks for what was never published.
func TestVerifyWithoutAsset(t *testing.T) {
	m := newWorld(t).machine(skill(nil))
	res := m.verify(nil)
	if res.Error == nil || res.Error.Kind != assetsync.KindUnusable || len(res.Problems) != 1 || !strings.Contains(res.Problems[0].Hint, "assetsync push") {
		t.Errorf("result:\n%s", describe(res))
	}
}

// lie is a remote that says new in the place of old.
func (m *machine) lie(old, new string) doer {
	return func(r *http.Request) (*http.Response, error) {
		r.URL.Path = strings.ReplaceAll(r.URL.Path, new, old)
		answer, err := m.Do(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.ReplaceAll(body, []byte(old), []byte(new))
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		answer.Header.Del("Content-Length")
		return answer, nil
	}
}

// TestVerifyOfOddRemotes looks at what the service would not take today.
func TestVerifyOfOddRemotes(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"main file is gone", "SKILL.md", "OTHER.md", []string{"not-live SKILL.md", "content OTHER.md", "main-file "}},
		{"unknown agent type", "GENERIC", "ON_DEMAND", []string{"metadata ", "agent-type-unknown "}},
		{"learned by an agent", `"USER"`, `"LEARNED"`, []string{"ownership ", "skill-type "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newWorld(t).machine(skill(nil))
			m.mustPush(assetsync.Created)
			var res assetsync.Result
			m.engineWith(m.lie(tt.old, tt.new), func(e *assetsync.Engine) { res = e.Verify(t.Context(), nil) })
			var got []string
			for _, p := range res.Problems {
				got = append(got, fmt.Sprintf("%s %s", p.Kind, p.Path))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("problems %q, want %q\n%s", got, tt.want, describe(res))
			}
		})
	}
}

// TestVerifyForgivesForms takes what the service makes of a file for the file,
// and line ends that do not count.
func TestVerifyForgivesForms(t *testing.T) {
	for _, quirk := range []string{"rewrite=frontmatter", "rewrite=extra-version"} {
		t.Run(quirk, func(t *testing.T) {
			m := newWorld(t, quirk).machine(skill(map[string]string{"a.md": "a"}))
			m.mustPush(assetsync.Created)
			m.wantUsable(m.verify(nil))
		})
	}
	m := newWorld(t).machine(skill(map[string]string{"a.md": "a\nb\n"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.save(id, "a.md", "a\r\nb\r\n")
	m.target.Text = manifest.TextLF
	m.wantUsable(m.verify(nil))
}

// TestVerifyReadsAll believes no earlier look: bytes that changed without a sign
// in the listing are found.
func TestVerifyReadsAll(t *testing.T) {
	m := newWorld(t).machine(skill(map[string]string{"a.md": "a"}))
	m.mustPush(assetsync.Created)
	m.mustPush(assetsync.Unchanged)
	res := m.verify(nil)
	m.wantUsable(res)
	if res.Calls["GetAssetFile"]+res.Calls["GetAssetContent"] == 0 {
		t.Errorf("nothing was read: %v", res.Calls)
	}
}

// TestVerifyAfterPush leaves to others what a push left to them, but not what
// the config declares.
func TestVerifyAfterPush(t *testing.T) {
	m := newWorld(t).machine(skill(map[string]string{"a.md": "a", "b.md": "b"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.save(id, "a.md", "theirs")
	m.save(id, "new.md", "theirs")
	m.write("b.md", "ours")
	pushed := m.mustPush(assetsync.Published)
	m.wantUsable(m.verify(&pushed))
	m.setMetadata(id, map[string]any{"agent_types": []any{"CHAT"}})
	pushed = m.push(assetsync.PushOptions{})
	if both := pushed.With(m.verify(&pushed)); both.Error == nil || both.Error.Kind != assetsync.KindUnusable || both.Outcome != pushed.Outcome || len(both.Pending) != 2 {
		t.Errorf("result %s", describe(both))
	}
}

// TestVerifyOfPushed verifies a push beside which files were saved: they are no part
// of what was published. Whoever verifies for its own sake is told of them.
func TestVerifyOfPushed(t *testing.T) {
	saves := map[string]func(m *machine){
		"changed": func(m *machine) { m.write("a.md", "saved since") },
		"new":     func(m *machine) { m.write("new.md", "saved since") },
		"deleted": func(m *machine) { m.rm("b.md") },
	}
	for name, save := range saves {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			pushed := m.mustPush(assetsync.Created)
			save(m)
			m.wantUsable(m.verify(&pushed))
			if res := m.verify(nil); len(res.Problems) != 1 {
				t.Errorf("problems %v, want one", res.Problems)
			}
			w.save(pushed.AssetID, "c.md", "theirs")
			if res := m.verify(&pushed); len(res.Problems) != 1 || res.Problems[0].Path != "c.md" {
				t.Errorf("problems %v, want c.md, which is not as it was published", res.Problems)
			}
		})
	}
}
