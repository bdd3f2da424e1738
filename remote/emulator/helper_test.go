package emulator_test

import (
	"net/http"
	"testing"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/emulator"
)

const space = "sp-demo-01"

// user is a client with the calls that tests need, which fail the test when
// they fail.
type user struct {
	*remote.Client
	t testing.TB
}

func newUser(t testing.TB, s http.Handler) user {
	t.Helper()
	c, err := remote.NewClient(remote.Options{
		Endpoint: "http://embedded", HTTPClient: &http.Client{Transport: emulator.RoundTripper(s)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return user{c, t}
}

const skillMD = "---\nname: queue\ndescription: Look at backlog age when workers fall behind.\n---\n# Steps\n"

func skillFiles(more ...string) map[manifest.Path]string {
	files := map[manifest.Path]string{"SKILL.md": skillMD, "references/a.md": "a\n"}
	for _, p := range more {
		files[manifest.Path(p)] = p + "\n"
	}
	return files
}

func zipOf(t testing.TB, files map[manifest.Path]string) remote.AssetContent {
	t.Helper()
	content := map[manifest.Path][]byte{}
	for p, s := range files {
		content[p] = []byte(s)
	}
	bundle, err := manifest.NewBundle(content)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := manifest.ZipBytes(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: raw}}
}

func doc(t testing.TB, v map[string]any) remote.Document {
	t.Helper()
	d, err := remote.NewDocument(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func text(s string) remote.AssetFileBody { return &remote.AssetFileBodyMemberText{Value: s} }

func (u user) check(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
}

// create makes a skill and returns its id.
func (u user) create(files map[manifest.Path]string) *string {
	u.t.Helper()
	out, err := u.CreateAsset(u.t.Context(), &remote.CreateAssetInput{
		AgentSpaceId: new(space), AssetType: new("skill"),
		Metadata: doc(u.t, map[string]any{"agent_types": []any{"GENERIC"}}), Content: zipOf(u.t, files),
	})
	u.check(err)
	return out.Asset.AssetId
}

func (u user) updateZip(id *string, files map[manifest.Path]string) *remote.Asset {
	u.t.Helper()
	out, err := u.UpdateAsset(u.t.Context(), &remote.UpdateAssetInput{AgentSpaceId: new(space), AssetId: id, Content: zipOf(u.t, files)})
	u.check(err)
	return out.Asset
}

func (u user) get(id *string) *remote.Asset {
	u.t.Helper()
	out, err := u.GetAsset(u.t.Context(), &remote.GetAssetInput{AgentSpaceId: new(space), AssetId: id})
	u.check(err)
	return out.Asset
}

// getVersion reads one version.
func (u user) getVersion(id *string, version int32) error {
	_, err := u.GetAsset(u.t.Context(), &remote.GetAssetInput{AgentSpaceId: new(space), AssetId: id, AssetVersion: &version})
	return err
}

func (u user) version(id *string) int32 { u.t.Helper(); return *u.get(id).Version }

func (u user) createFile(id *string, path, content string) error {
	_, err := u.CreateAssetFile(u.t.Context(), &remote.CreateAssetFileInput{
		AgentSpaceId: new(space), AssetId: id, Path: &path, Content: text(content),
	})
	return err
}

func (u user) updateFile(id *string, path, content string) error {
	_, err := u.UpdateAssetFile(u.t.Context(), &remote.UpdateAssetFileInput{
		AgentSpaceId: new(space), AssetId: id, Path: &path, Content: text(content),
	})
	return err
}

func (u user) deleteFile(id *string, path string) error {
	_, err := u.DeleteAssetFile(u.t.Context(), &remote.DeleteAssetFileInput{AgentSpaceId: new(space), AssetId: id, Path: &path})
	return err
}

func (u user) file(id *string, path string) *remote.AssetFile {
	u.t.Helper()
	out, err := u.GetAssetFile(u.t.Context(), &remote.GetAssetFileInput{AgentSpaceId: new(space), AssetId: id, Path: &path})
	u.check(err)
	return out.File
}

func (u user) read(id *string, path string) string {
	u.t.Helper()
	content, err := remote.ContentOf(u.file(id, path).Content)
	u.check(err)
	return string(content)
}

// zip returns the archive that GetAssetContent answers.
func (u user) zip(id *string) []byte {
	u.t.Helper()
	out, err := u.GetAssetContent(u.t.Context(), &remote.GetAssetContentInput{AgentSpaceId: new(space), AssetId: id})
	u.check(err)
	return out.Content.ZipFile
}

// list gives the files in the order of the pages, and the sizes of these.
func (u user) list(id *string) (files []remote.AssetFileSummary, pages []int) {
	u.t.Helper()
	p := remote.NewListAssetFilesPaginator(u.Client, &remote.ListAssetFilesInput{AgentSpaceId: new(space), AssetId: id})
	for p.HasMorePages() {
		page, err := p.NextPage(u.t.Context())
		u.check(err)
		files, pages = append(files, page.Items...), append(pages, len(page.Items))
	}
	return files, pages
}

func (u user) paths(id *string) (paths []string) {
	u.t.Helper()
	files, _ := u.list(id)
	for _, f := range files {
		paths = append(paths, *f.Path)
	}
	return paths
}

// versions lists the numbers in the order of the pages.
func (u user) versions(id *string) (numbers []int32) {
	u.t.Helper()
	p := remote.NewListAssetVersionsPaginator(u.Client, &remote.ListAssetVersionsInput{AgentSpaceId: new(space), AssetId: id})
	for p.HasMorePages() {
		page, err := p.NextPage(u.t.Context())
		u.check(err)
		for _, v := range page.Items {
			numbers = append(numbers, *v.Version)
		}
	}
	return numbers
}

// assets lists the ids of the space's assets with their versions.
func (u user) assets() map[string]int32 {
	u.t.Helper()
	found := map[string]int32{}
	p := remote.NewListAssetsPaginator(u.Client, &remote.ListAssetsInput{AgentSpaceId: new(space)})
	for p.HasMorePages() {
		page, err := p.NextPage(u.t.Context())
		u.check(err)
		for _, a := range page.Items {
			found[*a.AssetId] = *a.Version
		}
	}
	return found
}

func wantKind(t testing.TB, err error, kind remote.Kind) {
	t.Helper()
	if !remote.IsKind(err, kind) {
		t.Fatalf("got error %v, want %s", err, kind)
	}
}

func want[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
