package remotetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
)

// Target is where the checks run.
type Target struct {
	Space string // agent space id
	// NewClient makes a client that holds requests to these limits. Some
	// checks widen them, to see what the other side refuses.
	NewClient func(remote.Limits) (*remote.Client, error)
	// Unique is in the names of scratch assets: lower-case letters, digits
	// and hyphens, at most 32, different for every run.
	Unique string
	// Wait pauses between two looks at what may lag.
	Wait func(context.Context) error
	// Made and Gone, if set, hear of every scratch asset that was made, and of
	// its deletion.
	Made, Gone func(assetID string)
}

// Check is one statement about the service.
type Check struct {
	Name string
	Says string // the statement
	run  func(*scratch)
}

// Active reports whether the check makes an asset that agents may use until it
// is deleted, because it looks at the service's own default, or at a type that
// cannot be inactive.
func (c Check) Active() bool {
	return slices.Contains([]string{"create-zip", "create-file", "agents-md"}, c.Name)
}

// Run checks the statement. The error says what was found instead, and what
// could not be deleted afterwards.
func (c Check) Run(ctx context.Context, target Target) (err error) {
	client, err := target.NewClient(remote.Edition20260608())
	if err != nil {
		return err
	}
	s := &scratch{Target: target, ctx: ctx, client: client, name: target.Unique + "-" + c.Name}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failure:
			err = v.err
		default:
			panic(v)
		}
		err = errors.Join(err, s.cleanUp())
	}()
	c.run(s)
	return nil
}

// failure ends a check from any depth.
type failure struct{ err error }

// scratch is one run of one check.
type scratch struct {
	Target
	ctx    context.Context
	client *remote.Client
	name   string // of the scratch skill, and the stem of its tokens
	made   []string
	tokens int
}

func (s *scratch) failf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

func (s *scratch) must(what string, err error) {
	if err != nil {
		s.failf("%s: %w", what, err)
	}
}

// equal fails unless got is want.
func equal[V comparable](s *scratch, what string, got, want V) {
	if got != want {
		s.failf("%s: got %v, want %v", what, got, want)
	}
}

// refused fails unless err is an answer of one of the kinds.
func (s *scratch) refused(what string, err error, kinds ...remote.Kind) {
	switch {
	case err == nil:
		s.failf("%s: got a success, want %v", what, kinds)
	case !remote.IsKind(err, kinds...):
		s.failf("%s: want %v: %w", what, kinds, err)
	}
}

// cleanUp deletes what the check made, also when its context has ended.
func (s *scratch) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), time.Minute)
	defer cancel()
	var errs []error
	for _, id := range s.made {
		_, err := s.client.DeleteAsset(ctx, &remote.DeleteAssetInput{AgentSpaceId: &s.Space, AssetId: &id})
		if err != nil && !remote.IsKind(err, remote.KindNotFound) {
			errs = append(errs, fmt.Errorf("delete scratch asset %s: %w", id, err))
			continue
		}
		if s.Gone != nil {
			s.Gone(id)
		}
	}
	return errors.Join(errs...)
}

// token returns a fresh client token of at most 64 characters.
func (s *scratch) token() *string {
	s.tokens++
	id := manifest.BlobID(fmt.Appendf(nil, "%s %d", s.name, s.tokens))
	return new(id.String())
}

func (s *scratch) document(v map[string]any) remote.Document {
	doc, err := remote.NewDocument(v)
	s.must("make metadata", err)
	return doc
}

// skill returns the files of a scratch skill.
func (s *scratch) skill() map[manifest.Path][]byte {
	return map[manifest.Path][]byte{
		"SKILL.md": fmt.Appendf(nil, "---\nname: %s\ndescription: Scratch asset of a conformance check, to be deleted at any time.\n---\n# Steps\n",
			s.name),
		"references/limits.md": []byte("# Limits\n- 500 messages\n"),
	}
}

func (s *scratch) zip(files map[manifest.Path][]byte) remote.AssetContent {
	bundle, err := manifest.NewBundle(files)
	s.must("make bundle", err)
	archive, err := manifest.ZipBytes(bundle)
	s.must("make zip", err)
	return &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: archive}}
}

func text(content string) remote.AssetFileBody {
	return &remote.AssetFileBodyMemberText{Value: content}
}

func file(path string, body remote.AssetFileBody) remote.AssetContent {
	return &remote.AssetContentMemberFile{Value: remote.AssetFileContent{Path: &path, Body: body}}
}

// generic is the metadata that a zipped skill needs.
func generic() map[string]any { return map[string]any{"agent_types": []any{"GENERIC"}} }

// inactive is the same for a skill that no agent uses.
func inactive() map[string]any {
	return map[string]any{"agent_types": []any{"GENERIC"}, "status": "INACTIVE"}
}

// replays is how often a creation that was not answered is sent again: its
// token gives back the asset that was made by it, which would stay otherwise.
const replays = 3

// tryCreate creates an asset that is deleted in the end.
func (s *scratch) tryCreate(in *remote.CreateAssetInput) (*remote.Asset, error) {
	in.AgentSpaceId = &s.Space
	out, err := s.client.CreateAsset(s.ctx, in)
	for i := 0; i < replays && errors.Is(err, remote.ErrAmbiguous) && s.ctx.Err() == nil; i++ {
		s.must("wait", s.Wait(s.ctx))
		out, err = s.client.CreateAsset(s.ctx, in)
	}
	if err != nil {
		return nil, err
	}
	s.made = append(s.made, *out.Asset.AssetId)
	if s.Made != nil {
		s.Made(*out.Asset.AssetId)
	}
	return out.Asset, nil
}

// create makes the scratch skill from a zip.
func (s *scratch) create() *remote.Asset {
	a, err := s.tryCreate(&remote.CreateAssetInput{
		AssetType: new("skill"), Metadata: s.document(inactive()), Content: s.zip(s.skill()), ClientToken: s.token(),
	})
	s.must("create a skill from a zip", err)
	return a
}

func (s *scratch) get(id *string, version *int32) *remote.Asset {
	out, err := s.client.GetAsset(s.ctx, &remote.GetAssetInput{AgentSpaceId: &s.Space, AssetId: id, AssetVersion: version})
	s.must("get asset", err)
	return out.Asset
}

// update fails unless the version rises by one.
func (s *scratch) update(a *remote.Asset, in *remote.UpdateAssetInput) *remote.Asset {
	in.AgentSpaceId, in.AssetId = &s.Space, a.AssetId
	if in.ClientToken == nil {
		in.ClientToken = s.token()
	}
	out, err := s.client.UpdateAsset(s.ctx, in)
	s.must("update asset", err)
	equal(s, "version after UpdateAsset", *out.Asset.Version, *a.Version+1)
	return out.Asset
}

func (s *scratch) metadata(a *remote.Asset) map[string]any {
	m, err := a.Metadata.Map()
	s.must("read metadata", err)
	return m
}

// content reads all files of a version; nil means the newest.
func (s *scratch) content(id *string, version *int32) map[manifest.Path][]byte {
	out, err := s.client.GetAssetContent(s.ctx, &remote.GetAssetContentInput{AgentSpaceId: &s.Space, AssetId: id, AssetVersion: version})
	s.must("get asset content", err)
	bundle, err := manifest.ReadZip(out.Content.ZipFile, manifest.ZipLimits{})
	s.must("read the zip of GetAssetContent", err)
	return bundle.Files()
}

// holds fails unless the files of a version, read as zip and by listing, are
// these.
func (s *scratch) holds(what string, id *string, version *int32, want map[manifest.Path][]byte) {
	got := s.content(id, version)
	listed := s.list(id, version, nil)
	equal(s, what+": files in the zip", len(got), len(want))
	equal(s, what+": files listed", len(listed), len(want))
	for p, content := range want {
		if !bytes.Equal(got[p], content) {
			s.failf("%s: %s in the zip: got %q, want %q", what, p, got[p], content)
		}
		if f, ok := listed[string(p)]; !ok || f.Version == nil || f.CreatedAt == nil || f.UpdatedAt == nil {
			s.failf("%s: %s is not listed in full", what, p)
		}
		if one := s.readFile(id, string(p), version); !bytes.Equal(one, content) {
			s.failf("%s: %s by GetAssetFile: got %q, want %q", what, p, one, content)
		}
	}
}

// list gives the files by path, and fails when one comes twice.
func (s *scratch) list(id *string, version, size *int32) map[string]remote.AssetFileSummary {
	pages := remote.NewListAssetFilesPaginator(s.client, &remote.ListAssetFilesInput{
		AgentSpaceId: &s.Space, AssetId: id, AssetVersion: version, MaxResults: size,
	})
	files := map[string]remote.AssetFileSummary{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.must("list asset files", err)
		for _, f := range page.Items {
			if _, twice := files[*f.Path]; twice {
				s.failf("list asset files: %s comes twice", *f.Path)
			}
			files[*f.Path] = f
		}
	}
	return files
}

func (s *scratch) readFile(id *string, path string, version *int32) []byte {
	out, err := s.client.GetAssetFile(s.ctx, &remote.GetAssetFileInput{
		AgentSpaceId: &s.Space, AssetId: id, Path: &path, AssetVersion: version,
	})
	s.must("get asset file "+path, err)
	content, err := remote.ContentOf(out.File.Content)
	s.must("get asset file "+path, err)
	return content
}

// wide is a client without limits of its own.
func (s *scratch) wide() *remote.Client {
	limits := remote.Edition20260608()
	limits.TokenChars, limits.PageSize = 128, 1000
	limits.ZipBytes, limits.FileBytes, limits.TextChars = 16<<20, 16<<20, 16<<20
	client, err := s.NewClient(limits)
	s.must("make client", err)
	return client
}
