package remotetest

import (
	"fmt"
	"maps"
	"strings"

	"assetsync/manifest"
	"assetsync/remote"
)

func refuseMetadata(s *scratch) {
	for what, change := range map[string]func(map[string]any){
		"no agent_types":          func(m map[string]any) { delete(m, "agent_types") },
		"empty agent_types":       func(m map[string]any) { m["agent_types"] = []any{} },
		"GENERIC with another":    func(m map[string]any) { m["agent_types"] = []any{"GENERIC", "CHAT"} },
		"an unknown agent type":   func(m map[string]any) { m["agent_types"] = []any{"ON_DEMAND"} },
		"an unknown status":       func(m map[string]any) { m["status"] = "ASLEEP" },
		"skill_type LEARNED":      func(m map[string]any) { m["skill_type"] = "LEARNED" },
		"an object as a value":    func(m map[string]any) { m["owner"] = map[string]any{"team": "x"} },
		"agent_types as a string": func(m map[string]any) { m["agent_types"] = "GENERIC" },
	} {
		m := inactive()
		change(m)
		_, err := s.tryCreate(&remote.CreateAssetInput{
			AssetType: new("skill"), Metadata: s.document(m), Content: s.zip(s.skill()), ClientToken: s.token(),
		})
		s.refused(what, err, remote.KindValidation, remote.KindInvalidParameter)
	}
}

func refuseType(s *scratch) {
	for _, name := range []string{"SKILL", "no_such_type"} {
		_, err := s.tryCreate(&remote.CreateAssetInput{
			AssetType: &name, Metadata: s.document(inactive()), Content: s.zip(s.skill()), ClientToken: s.token(),
		})
		s.refused("asset type "+name, err, remote.KindValidation, remote.KindInvalidParameter)
	}
}

func refuseZip(s *scratch) {
	try := func(files map[manifest.Path][]byte) error {
		_, err := s.tryCreate(&remote.CreateAssetInput{
			AssetType: new("skill"), Metadata: s.document(inactive()), Content: s.zip(files), ClientToken: s.token(),
		})
		return err
	}
	many := s.skill()
	for i := len(many); i < 100; i++ {
		many[manifest.Path(fmt.Sprintf("references/%03d.md", i))] = []byte("x\n")
	}
	s.must("a zip of 100 files", try(many))
	more := maps.Clone(many)
	more["references/100.md"] = []byte("x\n")
	err := try(more)
	s.refused("a zip of 101 files", err, remote.KindValidation)
	equal(s, "the message names the maximum", strings.Contains(err.Error(), "100"), true)

	bare := s.skill()
	bare["SKILL.md"] = []byte("# Steps\n")
	s.refused("no frontmatter", try(bare), remote.KindValidation, remote.KindInvalidParameter)
	scripts := s.skill()
	scripts["scripts/run.md"] = []byte("x\n")
	s.refused("a scripts directory", try(scripts), remote.KindValidation, remote.KindInvalidParameter)
	logs := s.skill()
	logs["references/run.log"] = []byte("x\n")
	s.refused("a .log file", try(logs), remote.KindValidation, remote.KindInvalidParameter)
}

func refuseSize(s *scratch) {
	a := s.create()
	wide := s.wide()
	send := func(content remote.AssetContent) error {
		_, err := wide.UpdateAsset(s.ctx, &remote.UpdateAssetInput{
			AgentSpaceId: &s.Space, AssetId: a.AssetId, Content: content, ClientToken: s.token(),
		})
		return err
	}
	const textChars, zipBytes = 1_572_864, 6_291_456
	kinds := []remote.Kind{remote.KindContentSizeExceeded, remote.KindValidation, remote.KindInvalidParameter}
	s.must("text at the limit", send(file("references/long.md", text(strings.Repeat("x", textChars)))))
	s.refused("text over the limit", send(file("references/long.md", text(strings.Repeat("x", textChars+1)))), kinds...)
	s.refused("bytes over the limit", send(file("references/long.md", &remote.AssetFileBodyMemberBytes{Value: make([]byte, zipBytes+1)})), kinds...)
	s.refused("a zip over the limit", send(&remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: make([]byte, zipBytes+1)}}), kinds...)
}
