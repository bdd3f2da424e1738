package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assetsync/manifest"
	"assetsync/remote"
)

// agentType is the kind of agent that scratch skills are for: the one that
// works on no incident, and answers nobody. They are inactive besides.
const agentType = "PREVENTION"

// errActive means that the service makes no inactive skills.
var errActive = errors.New("the service refuses to make a skill with status INACTIVE, and an active one would speak to your agents")

// failure ends a question from any depth.
type failure struct{ err error }

// scratch is one attempt at one question.
type scratch struct {
	*run
	ctx    context.Context
	client *remote.Client
	name   string // of the scratch skill, and the stem of its tokens
	calls  []string
	tokens int
	mine   []string
}

// look asks the question and deletes what that made.
func (s *scratch) look(q Question) (found finding, err error) {
	if s.client, err = s.NewClient(remote.Edition20260608(), s.called); err != nil {
		return found, err
	}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failure:
			err = v.err
		default:
			panic(v)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), cleanTime)
		defer cancel()
		for _, id := range s.mine {
			// One that cannot be deleted is known to the run, which tries again
			// at its end, and tells.
			if removeErr := s.remove(ctx, id); isDenied(removeErr) {
				err = errors.Join(err, removeErr)
			}
		}
	}()
	return q.find(s), nil
}

// called notes the operation of a call, each once.
func (s *scratch) called(operation string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.calls, operation) {
		s.calls = append(s.calls, operation)
	}
}

func (s *scratch) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// answer returns how the service refused a call, "" for a success. What is no
// answer about the call ends the question.
func (s *scratch) answer(err error) remote.Kind {
	var e *remote.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e) && !isTrouble(err) && !isDenied(err) && e.Kind != remote.KindInvalidRequest:
		return e.Kind
	}
	panic(failure{err})
}

// words is an answer for people.
func words(kind remote.Kind) string {
	if kind == "" {
		return "accepted"
	}
	return "refused with " + string(kind)
}

// token returns a fresh client token of at most 64 characters.
func (s *scratch) token() *string {
	s.tokens++
	id := manifest.BlobID(fmt.Appendf(nil, "%s %d", s.name, s.tokens))
	return new(id.String())
}

func (s *scratch) document(v map[string]any) remote.Document {
	doc, err := remote.NewDocument(v)
	s.must(err)
	return doc
}

// metadata is that of a scratch skill.
func (s *scratch) metadata() map[string]any {
	return map[string]any{"agent_types": []any{agentType}, "status": "INACTIVE"}
}

// main is the main file of a scratch skill.
func (s *scratch) main() []byte {
	return fmt.Appendf(nil, "---\nname: %s\ndescription: Scratch asset of assetsync probe, to be deleted at any time.\n---\n# Steps\n", s.name)
}

// The files of every scratch skill beside the main one.
const (
	fileA = "references/a.md"
	fileB = "references/b.md"
)

// files are those of a scratch skill, with more of them.
func (s *scratch) files(more ...string) map[manifest.Path][]byte {
	files := map[manifest.Path][]byte{"SKILL.md": s.main(), fileA: []byte("a\n"), fileB: []byte("b\n")}
	for _, p := range more {
		files[manifest.Path(p)] = []byte(p + "\n")
	}
	return files
}

func (s *scratch) zip(files map[manifest.Path][]byte) remote.AssetContent {
	bundle, err := manifest.NewBundle(files)
	s.must(err)
	archive, err := manifest.ZipBytes(bundle)
	s.must(err)
	return zipped(archive)
}

func zipped(archive []byte) remote.AssetContent {
	return &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: archive}}
}

func text(content string) remote.AssetFileBody {
	return &remote.AssetFileBodyMemberText{Value: content}
}

func one(path string, body remote.AssetFileBody) remote.AssetContent {
	return &remote.AssetContentMemberFile{Value: remote.AssetFileContent{Path: &path, Body: body}}
}

// create makes a scratch skill of the usual files and more, and returns it as
// it is once it is made.
func (s *scratch) create(more ...string) *remote.Asset {
	return s.get(s.createFrom(s.zip(s.files(more...))))
}

// createFrom makes a scratch skill and returns its id.
func (s *scratch) createFrom(content remote.AssetContent) *string {
	in := &remote.CreateAssetInput{
		AgentSpaceId: &s.Space, AssetType: new("skill"), Metadata: s.document(s.metadata()), Content: content, ClientToken: s.token(),
	}
	asset, err := s.tryCreate(in)
	if err == nil {
		return asset.AssetId
	}
	var e *remote.Error
	if errors.As(err, &e) && e.Kind == remote.KindValidation && strings.Contains(fmt.Sprint(e.Fields, e.Message), "status") {
		err = fmt.Errorf("%w: %w", errActive, err)
	}
	panic(failure{err})
}

// tryCreate makes an asset that is deleted in the end, also when its answer was
// lost.
func (s *scratch) tryCreate(in *remote.CreateAssetInput) (*remote.Asset, error) {
	out, err := s.client.CreateAsset(s.ctx, in)
	if err == nil {
		s.own(*out.Asset.AssetId)
		return out.Asset, nil
	}
	if !errors.Is(err, remote.ErrAmbiguous) {
		return nil, err
	}
	asset, err := s.replay(s.ctx, in)
	if err != nil {
		s.doubt(in)
		return nil, err
	}
	s.own(*asset.AssetId)
	return asset, nil
}

func (s *scratch) own(id string) {
	s.made(id)
	s.mine = append(s.mine, id)
}

func (s *scratch) doubt(in *remote.CreateAssetInput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = append(s.doubts, in)
}

func (s *scratch) get(id *string) *remote.Asset {
	out, err := s.client.GetAsset(s.ctx, &remote.GetAssetInput{AgentSpaceId: &s.Space, AssetId: id})
	s.must(err)
	return out.Asset
}

func (s *scratch) getAt(id *string, version int32) error {
	_, err := s.client.GetAsset(s.ctx, &remote.GetAssetInput{AgentSpaceId: &s.Space, AssetId: id, AssetVersion: &version})
	return err
}

func (s *scratch) version(id *string) int32 { return *s.get(id).Version }

// values is the metadata of an asset.
func (s *scratch) values(a *remote.Asset) map[string]any {
	m, err := a.Metadata.Map()
	s.must(err)
	return m
}

func (s *scratch) update(id *string, in remote.UpdateAssetInput) (*remote.Asset, error) {
	in.AgentSpaceId, in.AssetId = &s.Space, id
	if in.ClientToken == nil {
		in.ClientToken = s.token()
	}
	out, err := s.client.UpdateAsset(s.ctx, &in)
	if err != nil {
		return nil, err
	}
	return out.Asset, nil
}

// put adds or replaces one file by UpdateAsset.
func (s *scratch) put(id *string, path string, body remote.AssetFileBody) (*remote.Asset, error) {
	return s.update(id, remote.UpdateAssetInput{Content: one(path, body)})
}

func (s *scratch) createFile(id *string, path, content string) error {
	_, err := s.client.CreateAssetFile(s.ctx, &remote.CreateAssetFileInput{
		AgentSpaceId: &s.Space, AssetId: id, Path: &path, Content: text(content), ClientToken: s.token(),
	})
	return err
}

func (s *scratch) updateFile(id *string, in remote.UpdateAssetFileInput) (*remote.AssetFile, error) {
	in.AgentSpaceId, in.AssetId = &s.Space, id
	if in.ClientToken == nil {
		in.ClientToken = s.token()
	}
	out, err := s.client.UpdateAssetFile(s.ctx, &in)
	if err != nil {
		return nil, err
	}
	return out.File, nil
}

func (s *scratch) deleteFile(id *string, path string) error {
	_, err := s.client.DeleteAssetFile(s.ctx, &remote.DeleteAssetFileInput{AgentSpaceId: &s.Space, AssetId: id, Path: &path})
	return err
}

// read returns a file of the newest version, nil when there is none.
func (s *scratch) read(id *string, path string) *remote.AssetFile {
	out, err := s.client.GetAssetFile(s.ctx, &remote.GetAssetFileInput{AgentSpaceId: &s.Space, AssetId: id, Path: &path})
	if s.answer(err) != "" {
		return nil
	}
	return out.File
}

// content returns the bytes of a file, "" when there is none.
func (s *scratch) content(id *string, path string) string {
	f := s.read(id, path)
	if f == nil {
		return ""
	}
	data, err := remote.ContentOf(f.Content)
	s.must(err)
	return string(data)
}

// archive is what GetAssetContent answers.
func (s *scratch) archive(id *string) []byte {
	out, err := s.client.GetAssetContent(s.ctx, &remote.GetAssetContentInput{AgentSpaceId: &s.Space, AssetId: id})
	s.must(err)
	return out.Content.ZipFile
}

// list gives the files of the newest version in the order of the pages.
func (s *scratch) list(id *string) (files []remote.AssetFileSummary) {
	pages := remote.NewListAssetFilesPaginator(s.client, &remote.ListAssetFilesInput{AgentSpaceId: &s.Space, AssetId: id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.must(err)
		files = append(files, page.Items...)
	}
	return files
}

// listed is one file as the listing has it.
func (s *scratch) listed(id *string, path string) remote.AssetFileSummary {
	for _, f := range s.list(id) {
		if *f.Path == path {
			return f
		}
	}
	panic(failure{fmt.Errorf("%s is not listed", path)})
}

// versions lists the versions in the order of the pages.
func (s *scratch) versions(id *string) (list []remote.AssetVersionMetadata) {
	pages := remote.NewListAssetVersionsPaginator(s.client, &remote.ListAssetVersionsInput{AgentSpaceId: &s.Space, AssetId: id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.must(err)
		list = append(list, page.Items...)
	}
	return list
}
