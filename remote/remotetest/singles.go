package remotetest

import (
	"assetsync/manifest"
	"assetsync/remote"
)

// scratchAgentType is the agent type of the scratch agents_md: one that a
// space in use is unlikely to have instructions for. A space that has some
// fails the check and is not touched.
const scratchAgentType = "RELEASE_TESTING"

func agentsMD(s *scratch) {
	in := func(content remote.AssetContent) *remote.CreateAssetInput {
		return &remote.CreateAssetInput{
			AssetType: new("agents_md"), Metadata: s.document(map[string]any{"agent_type": scratchAgentType}),
			Content: content, ClientToken: s.token(),
		}
	}
	invalid := []remote.Kind{remote.KindValidation, remote.KindInvalidParameter, remote.KindConflict, remote.KindQuotaExceeded}
	_, err := s.tryCreate(in(s.zip(map[manifest.Path][]byte{"AGENTS.md": []byte("# Tone\n")})))
	s.refused("a zip", err, invalid...)
	a, err := s.tryCreate(in(file("AGENTS.md", text("# Tone\n"))))
	s.must("create agents_md", err)
	_, has := s.metadata(a)["status"]
	equal(s, "status is reported", has, false)
	_, err = s.tryCreate(in(file("AGENTS.md", text("# Tone again\n"))))
	s.refused("a second one of the agent type", err, invalid...)
	_, err = s.client.CreateAssetFile(s.ctx, &remote.CreateAssetFileInput{
		AgentSpaceId: &s.Space, AssetId: a.AssetId, Path: new("more.md"), Content: text("more\n"), ClientToken: s.token(),
	})
	s.refused("a second file", err, invalid...)
	a = s.update(a, &remote.UpdateAssetInput{Content: file("AGENTS.md", text("# Tone 2\n"))})
	s.holds("after update", a.AssetId, nil, map[manifest.Path][]byte{"AGENTS.md": []byte("# Tone 2\n")})
}

func attachment(s *scratch) {
	content := []byte("\x89PNG\r\n\x1a\n\x00")
	create := func(metadata map[string]any) (*remote.Asset, error) {
		return s.tryCreate(&remote.CreateAssetInput{
			AssetType: new("attachment"), Metadata: s.document(metadata),
			Content:     file("topology.png", &remote.AssetFileBodyMemberBytes{Value: content}),
			ClientToken: s.token(),
		})
	}
	_, err := create(map[string]any{"filename": "topology.png"})
	s.refused("no extension and size", err, remote.KindValidation, remote.KindInvalidParameter)
	a, err := create(map[string]any{"filename": "topology.png", "extension": "png", "size": len(content)})
	s.must("create attachment", err)
	s.holds("after create", a.AssetId, nil, map[manifest.Path][]byte{"topology.png": content})
}
