package remotetest

import (
	"fmt"
	"strings"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
)

// Checks returns all checks. They are independent of each other.
func Checks() []Check {
	return []Check{
		{"create-zip", "Zip upload of a skill: name and description come from the YAML frontmatter of SKILL.md; values in the request are ignored. A new asset has version 1.", createZip},
		{"create-file", "Single-file skill: both name and description must be in metadata; the service adds defaults (skill_type: USER, status: ACTIVE).", createFile},
		{"update-raises", "UpdateAsset raises the version by one whether metadata only, text, file or zip, even when nothing differs.", updateRaises},
		{"merge", "UpdateAsset merges metadata at the top level: keys sent replace stored values whole, keys not sent stay.", mergeTopLevel},
		{"zip-replaces", "content.zip in an update is a full replacement; content.file touches one path.", zipReplaces},
		{"old-versions", "Old versions can be read back with assetVersion on GetAsset, GetAssetContent, GetAssetFile, ListAssetFiles.", oldVersions},
		{"file-update", "Every successful UpdateAssetFile raises the asset's version; without content it leaves the bytes as they are.", fileUpdate},
		{"file-add-delete", "CreateAssetFile adds a file to an existing asset; DeleteAssetFile removes one.", fileAddDelete},
		{"file-missing", "GetAssetFile and DeleteAssetFile for something missing: ResourceNotFoundException or ValidationException.", fileMissing},
		{"text-bytes", "A file sent as text may be read back as bytes or text. Always compare decoded bytes.", textBytes},
		{"delete", "DeleteAsset removes the asset and all its files; of a missing asset it is ResourceNotFoundException.", deleteTwice},
		{"token-create", "CreateAsset with a token used before gives back the earlier asset's id, even if that asset has since been deleted.", tokenCreate},
		{"token-update", "UpdateAsset raises the version even with a clientToken seen before.", tokenUpdate},
		{"token-conflict", "A known clientToken with another payload is a ConflictException; a rejected call still consumes its token.", tokenConflict},
		{"token-length", "clientToken over 64 characters: ValidationException naming 64.", tokenLength},
		{"refuse-metadata", "agent_types are required and not empty, GENERIC stands alone, status is ACTIVE or INACTIVE, LEARNED is refused.", refuseMetadata},
		{"refuse-type", "An unknown or upper-case asset type is a ValidationException.", refuseType},
		{"refuse-zip", "A zip with more than 100 entries: the message names the count and the maximum 100. Frontmatter is compulsory in a zip. scripts/ is refused.", refuseZip},
		{"refuse-size", "A zip has at most 6,291,456 bytes before base64, inline text 1,572,864 characters.", refuseSize},
		{"paging", "All lists: in nextToken, out nextToken (absent = finished), limit maxResults from 1 to 100.", paging},
		{"list-assets", "ListAssets filters by assetType, updatedAfter and updatedBefore; it may lag for a moment.", listAssets},
		{"types", "ListAssetTypes is the authority at run time; skill is one.", types},
		{"agents-md", "agents_md: at most one per agent type and space, no zip, no extra files.", agentsMD},
		{"attachment", "attachment: filename, extension, size in metadata, bytes as content.", attachment},
	}
}

func createZip(s *scratch) {
	in := generic()
	in["name"], in["description"] = "ignored", "ignored"
	a, err := s.tryCreate(&remote.CreateAssetInput{
		AssetType: new("skill"), Metadata: s.document(in), Content: s.zip(s.skill()), ClientToken: s.token(),
	})
	s.must("create a skill from a zip", err)
	equal(s, "version", *a.Version, 1)
	equal(s, "assetType", *a.AssetType, "skill")
	for what, m := range map[string]map[string]any{"CreateAsset": s.metadata(a), "GetAsset": s.metadata(s.get(a.AssetId, nil))} {
		equal(s, what+" name", m["name"], any(s.name))
		equal(s, what+" description begins", strings.HasPrefix(fmt.Sprint(m["description"]), "Scratch asset"), true)
		equal(s, what+" skill_type", m["skill_type"], any("USER"))
		equal(s, what+" status", m["status"], any("ACTIVE"))
	}
	s.holds("after create", a.AssetId, nil, s.skill())
}

func createFile(s *scratch) {
	in := generic()
	create := func() (*remote.Asset, error) {
		return s.tryCreate(&remote.CreateAssetInput{
			AssetType: new("skill"), Metadata: s.document(in), Content: file("SKILL.md", text("# Steps\n")), ClientToken: s.token(),
		})
	}
	_, err := create()
	s.refused("create without name", err, remote.KindValidation, remote.KindInvalidParameter)
	in["name"], in["description"] = s.name, "Scratch asset of a conformance check."
	a, err := create()
	s.must("create a skill from one file", err)
	equal(s, "version", *a.Version, 1)
	equal(s, "status", s.metadata(a)["status"], any("ACTIVE"))
	s.holds("after create", a.AssetId, nil, map[manifest.Path][]byte{"SKILL.md": []byte("# Steps\n")})
}

func updateRaises(s *scratch) {
	a := s.create()
	a = s.update(a, &remote.UpdateAssetInput{Metadata: s.document(map[string]any{"status": "INACTIVE"})})
	a = s.update(a, &remote.UpdateAssetInput{Content: file("references/limits.md", text("# Limits\n"))})
	a = s.update(a, &remote.UpdateAssetInput{Content: s.zip(s.skill())})
	a = s.update(a, &remote.UpdateAssetInput{Content: s.zip(s.skill())})
	equal(s, "version by GetAsset", *s.get(a.AssetId, nil).Version, *a.Version)
	versions := remote.NewListAssetVersionsPaginator(s.client, &remote.ListAssetVersionsInput{AgentSpaceId: &s.Space, AssetId: a.AssetId})
	seen := map[int32]bool{}
	for versions.HasMorePages() {
		page, err := versions.NextPage(s.ctx)
		s.must("list versions", err)
		for _, v := range page.Items {
			seen[*v.Version] = true
		}
	}
	for v := int32(1); v <= *a.Version; v++ {
		equal(s, fmt.Sprintf("version %d is listed", v), seen[v], true)
	}
	equal(s, "versions listed", int32(len(seen)), *a.Version)
}

func mergeTopLevel(s *scratch) {
	a := s.create()
	a = s.update(a, &remote.UpdateAssetInput{Metadata: s.document(map[string]any{"agent_types": []any{"CHAT", "INCIDENT_RCA"}})})
	a = s.update(a, &remote.UpdateAssetInput{Metadata: s.document(map[string]any{"status": "INACTIVE"})})
	m := s.metadata(s.get(a.AssetId, nil))
	equal(s, "agent_types", fmt.Sprint(m["agent_types"]), "[CHAT INCIDENT_RCA]")
	equal(s, "status", m["status"], any("INACTIVE"))
	equal(s, "name", m["name"], any(s.name))
}

func zipReplaces(s *scratch) {
	a := s.create()
	files := s.skill()
	files["references/new.md"] = []byte("new\n")
	a = s.update(a, &remote.UpdateAssetInput{Content: file("references/new.md", text("new\n"))})
	s.holds("after content.file", a.AssetId, nil, files)
	delete(files, "references/limits.md")
	a = s.update(a, &remote.UpdateAssetInput{Content: s.zip(files)})
	s.holds("after content.zip", a.AssetId, nil, files)
}

func oldVersions(s *scratch) {
	first := s.create()
	files := s.skill()
	files["references/limits.md"] = []byte("# Limits\n- 600 messages\n")
	second := s.update(first, &remote.UpdateAssetInput{
		Content: s.zip(files), Metadata: s.document(map[string]any{"agent_types": []any{"CHAT"}}),
	})
	s.holds("version 1", first.AssetId, first.Version, s.skill())
	s.holds("version 2", first.AssetId, second.Version, files)
	equal(s, "agent_types of version 1", fmt.Sprint(s.metadata(s.get(first.AssetId, first.Version))["agent_types"]), "[GENERIC]")
	_, err := s.client.GetAsset(s.ctx, &remote.GetAssetInput{AgentSpaceId: &s.Space, AssetId: first.AssetId, AssetVersion: new(int32(1000))})
	s.refused("get a version that does not exist", err, remote.KindNotFound, remote.KindValidation, remote.KindInvalidParameter)
}

func fileUpdate(s *scratch) {
	a := s.create()
	path := new("references/limits.md")
	out, err := s.client.UpdateAssetFile(s.ctx, &remote.UpdateAssetFileInput{
		AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: path, Content: text("# Limits\n"), ClientToken: s.token(),
	})
	s.must("update file", err)
	equal(s, "version in the answer", *out.File.Version, *a.Version+1)
	equal(s, "version by GetAsset", *s.get(a.AssetId, nil).Version, *a.Version+1)
	out, err = s.client.UpdateAssetFile(s.ctx, &remote.UpdateAssetFileInput{
		AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: path, Metadata: s.document(map[string]any{"reviewed": true}), ClientToken: s.token(),
	})
	s.must("update metadata of a file", err)
	equal(s, "version after metadata", *out.File.Version, *a.Version+2)
	files := s.skill()
	files["references/limits.md"] = []byte("# Limits\n")
	s.holds("after both", a.AssetId, nil, files)
	s.holds("version 1", a.AssetId, a.Version, s.skill())
}

func fileAddDelete(s *scratch) {
	a := s.create()
	path := new("references/more.md")
	out, err := s.client.CreateAssetFile(s.ctx, &remote.CreateAssetFileInput{
		AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: path, Content: text("more\n"), ClientToken: s.token(),
	})
	s.must("create file", err)
	equal(s, "path in the answer", *out.File.Path, *path)
	files := s.skill()
	files["references/more.md"] = []byte("more\n")
	s.holds("after create", a.AssetId, nil, files)
	after := *s.get(a.AssetId, nil).Version
	if after != *a.Version && after != *a.Version+1 {
		s.failf("version after CreateAssetFile: got %d, want %d or one more", after, *a.Version)
	}
	_, err = s.client.DeleteAssetFile(s.ctx, &remote.DeleteAssetFileInput{AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: path})
	s.must("delete file", err)
	s.holds("after delete", a.AssetId, nil, s.skill())
}

func fileMissing(s *scratch) {
	a := s.create()
	path := new("references/missing.md")
	_, err := s.client.GetAssetFile(s.ctx, &remote.GetAssetFileInput{AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: path})
	s.refused("get a missing file", err, remote.KindNotFound, remote.KindValidation)
	_, err = s.client.DeleteAssetFile(s.ctx, &remote.DeleteAssetFileInput{AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: path})
	if err != nil { // a success has been reported for other services' deletes
		s.refused("delete a missing file", err, remote.KindNotFound, remote.KindValidation)
	}
	s.holds("afterwards", a.AssetId, nil, s.skill())
}

func textBytes(s *scratch) {
	a := s.create()
	files := s.skill()
	for p, content := range map[manifest.Path]string{
		"references/ascii.md":   "plain\n",
		"references/unicode.md": "Grüße, 世界, 😀 and <&>\n",
		"references/empty.md":   "",
		"references/binary.png": "\x89PNG\r\n\x1a\n\x00\xff",
		"references/crlf.md":    "one\r\ntwo\r\n",
	} {
		files[p] = []byte(content)
		a = s.update(a, &remote.UpdateAssetInput{Content: file(string(p), remote.BodyOf([]byte(content), remote.Edition20260608()))})
	}
	s.holds("by content.file", a.AssetId, nil, files)
	a = s.update(a, &remote.UpdateAssetInput{Content: s.zip(files)})
	s.holds("by content.zip", a.AssetId, nil, files)
}

func deleteTwice(s *scratch) {
	a := s.create()
	in := &remote.DeleteAssetInput{AgentSpaceId: &s.Space, AssetId: a.AssetId}
	_, err := s.client.DeleteAsset(s.ctx, in)
	s.must("delete asset", err)
	_, err = s.client.GetAsset(s.ctx, &remote.GetAssetInput{AgentSpaceId: &s.Space, AssetId: a.AssetId})
	s.refused("get a deleted asset", err, remote.KindNotFound)
	_, err = s.client.ListAssetFiles(s.ctx, &remote.ListAssetFilesInput{AgentSpaceId: &s.Space, AssetId: a.AssetId})
	s.refused("list files of a deleted asset", err, remote.KindNotFound)
	_, err = s.client.DeleteAsset(s.ctx, in)
	s.refused("delete again", err, remote.KindNotFound)
}

func tokenCreate(s *scratch) {
	create := func(token *string) *remote.Asset {
		a, err := s.tryCreate(&remote.CreateAssetInput{
			AssetType: new("skill"), Metadata: s.document(inactive()), Content: s.zip(s.skill()), ClientToken: token,
		})
		s.must("create a skill", err)
		return a
	}
	token := s.token()
	first := create(token)
	equal(s, "asset of the same token", *create(token).AssetId, *first.AssetId)
	equal(s, "asset of another token is another one", *create(s.token()).AssetId != *first.AssetId, true)
	_, err := s.client.DeleteAsset(s.ctx, &remote.DeleteAssetInput{AgentSpaceId: &s.Space, AssetId: first.AssetId})
	s.must("delete asset", err)
	equal(s, "asset of the same token after its deletion", *create(token).AssetId, *first.AssetId)
	_, err = s.client.GetAsset(s.ctx, &remote.GetAssetInput{AgentSpaceId: &s.Space, AssetId: first.AssetId})
	s.refused("get the deleted asset", err, remote.KindNotFound)
}

func tokenUpdate(s *scratch) {
	a, token := s.create(), s.token()
	for range 2 {
		a = s.update(a, &remote.UpdateAssetInput{Content: s.zip(s.skill()), ClientToken: token})
	}
}

func tokenConflict(s *scratch) {
	a, token := s.create(), s.token()
	s.update(a, &remote.UpdateAssetInput{Metadata: s.document(map[string]any{"status": "INACTIVE"}), ClientToken: token})
	send := func(token *string, status string) error {
		_, err := s.client.UpdateAsset(s.ctx, &remote.UpdateAssetInput{
			AgentSpaceId: &s.Space, AssetId: a.AssetId, Metadata: s.document(map[string]any{"status": status}), ClientToken: token,
		})
		return err
	}
	s.refused("the token with another payload", send(token, "ACTIVE"), remote.KindConflict)
	burned := s.token()
	s.refused("a status that does not exist", send(burned, "ASLEEP"), remote.KindValidation, remote.KindInvalidParameter)
	s.refused("the corrected payload with the token of the rejected call", send(burned, "ACTIVE"), remote.KindConflict)
}

func tokenLength(s *scratch) {
	a := s.create()
	s.client = s.wide()
	send := func(length int) error {
		token := (*s.token() + *s.token())[:length]
		_, err := s.client.UpdateAsset(s.ctx, &remote.UpdateAssetInput{AgentSpaceId: &s.Space, AssetId: a.AssetId,
			Metadata: s.document(map[string]any{"status": "INACTIVE"}), ClientToken: &token})
		return err
	}
	s.must("a token of 64 characters", send(64))
	err := send(65)
	s.refused("a token of 65 characters", err, remote.KindValidation)
	equal(s, "the message names 64", strings.Contains(err.Error(), "64"), true)
}

func paging(s *scratch) {
	a := s.create()
	files := s.skill()
	for i := range 5 {
		files[manifest.Path(fmt.Sprintf("references/%d.md", i))] = []byte("x\n")
	}
	a = s.update(a, &remote.UpdateAssetInput{Content: s.zip(files)})
	for _, size := range []int32{1, 3, 100} {
		equal(s, fmt.Sprintf("files by pages of %d", size), len(s.list(a.AssetId, nil, &size)), len(files))
	}
	s.client = s.wide()
	for _, size := range []int32{101} {
		_, err := s.client.ListAssetFiles(s.ctx, &remote.ListAssetFilesInput{AgentSpaceId: &s.Space, AssetId: a.AssetId, MaxResults: &size})
		s.refused(fmt.Sprintf("pages of %d", size), err, remote.KindValidation, remote.KindInvalidParameter)
	}
	_, err := s.client.ListAssetFiles(s.ctx, &remote.ListAssetFilesInput{AgentSpaceId: &s.Space, AssetId: a.AssetId, NextToken: new("no token")})
	s.refused("a page token of one's own", err, remote.KindValidation, remote.KindInvalidParameter)
}

// lookups bounds how often a list is read before a lag counts as an absence.
const lookups = 20

// find lists assets until one is there.
func (s *scratch) find(in remote.ListAssetsInput, id string) bool {
	in.AgentSpaceId = &s.Space
	pages := remote.NewListAssetsPaginator(s.client, &in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.must("list assets", err)
		for _, a := range page.Items {
			if *a.AssetId == id {
				return true
			}
		}
	}
	return false
}

func listAssets(s *scratch) {
	a := s.create()
	found := s.find(remote.ListAssetsInput{}, *a.AssetId)
	for i := 0; !found && i < lookups; i++ {
		s.must("wait", s.Wait(s.ctx))
		found = s.find(remote.ListAssetsInput{}, *a.AssetId)
	}
	equal(s, "the asset is listed", found, true)
	hourBefore, hourAfter := a.UpdatedAt.Add(-time.Hour), a.UpdatedAt.Add(time.Hour)
	for what, c := range map[string]struct {
		in   remote.ListAssetsInput
		want bool
	}{
		"its type":              {remote.ListAssetsInput{AssetType: new("skill")}, true},
		"another type":          {remote.ListAssetsInput{AssetType: new("agents_md")}, false},
		"updated after before":  {remote.ListAssetsInput{UpdatedAfter: &hourBefore}, true},
		"updated after later":   {remote.ListAssetsInput{UpdatedAfter: &hourAfter}, false},
		"updated before later":  {remote.ListAssetsInput{UpdatedBefore: &hourAfter}, true},
		"updated before before": {remote.ListAssetsInput{UpdatedBefore: &hourBefore}, false},
	} {
		equal(s, "listed by "+what, s.find(c.in, *a.AssetId), c.want)
	}
}

func types(s *scratch) {
	pages := remote.NewListAssetTypesPaginator(s.client, &remote.ListAssetTypesInput{})
	found := false
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		s.must("list asset types", err)
		for _, t := range page.Items {
			found = found || *t.AssetType == "skill"
		}
	}
	equal(s, "skill is listed", found, true)
}
