package probe

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
)

// rewrite is item 7.
func rewrite(s *scratch) finding {
	id := s.createFrom(s.zip(s.files()))
	newest := s.get(id)
	if s.content(id, "SKILL.md") == string(s.main()) {
		return finding{"off", "it is"}
	}
	if len(s.versions(id)) > 1 && *newest.Version > 1 {
		return finding{"extra-version", "the service changes it in a version of its own"}
	}
	return finding{"frontmatter", "the service changes it"}
}

// frontmatter is item 7 too.
func frontmatter(s *scratch) finding {
	id := s.create().AssetId
	changed := strings.Replace(string(s.main()), "Scratch asset", "Changed asset", 1)
	path := "SKILL.md"
	_, err := s.updateFile(id, remote.UpdateAssetFileInput{Path: &path, Content: text(changed)})
	s.must(err)
	said := "the description of the asset stays"
	if strings.HasPrefix(fmt.Sprint(s.values(s.get(id))["description"]), "Changed") {
		said = "the description of the asset follows the file"
	}
	_, err = s.update(id, remote.UpdateAssetInput{Metadata: s.document(map[string]any{"name": s.name + "-x"})})
	kind := s.answer(err)
	said += "; metadata name: " + words(kind)
	if kind == "" && s.values(s.get(id))["name"] != s.name+"-x" {
		said += ", and not kept"
	}
	return finding{text: said}
}

// textReadback is item 8.
func textReadback(s *scratch) finding {
	id := s.create().AssetId
	_, err := s.put(id, fileA, text("plain\n"))
	s.must(err)
	f := s.read(id, fileA)
	if f == nil {
		return finding{text: "the file cannot be read"}
	}
	if _, ok := f.Content.(*remote.AssetFileBodyMemberText); ok {
		return finding{"text", "as text"}
	}
	return finding{"bytes", "as bytes"}
}

// oddText is item 8 too.
func oddText(s *scratch) finding {
	id := s.create().AssetId
	var said []string
	for _, c := range []struct{ what, content string }{
		{"a byte order mark", "\uFEFFx\n"}, {"CRLF", "one\r\ntwo\r\n"}, {"NUL", "a\x00b\n"}, {"composed and decomposed", "é e\u0301\n"},
	} {
		_, err := s.put(id, fileA, text(c.content))
		kind := s.answer(err)
		switch {
		case kind != "":
			said = append(said, c.what+": "+words(kind))
		case s.content(id, fileA) == c.content:
			said = append(said, c.what+": kept")
		default:
			said = append(said, c.what+": changed")
		}
	}
	return finding{text: strings.Join(said, "; ")}
}

// oddZip makes a zip that nobody else would make of these files.
func (s *scratch) oddZip(entries ...[2]string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	s.must(w.SetComment("made by assetsync probe"))
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e[0], Method: zip.Store, Modified: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)})
		s.must(err)
		_, err = f.Write([]byte(e[1]))
		s.must(err)
	}
	s.must(w.Close())
	return b.Bytes()
}

// readZip is item 9.
func readZip(s *scratch) finding {
	sent := s.oddZip([2]string{fileA, "a\n"}, [2]string{"SKILL.md", string(s.main())})
	id := s.create().AssetId
	_, err := s.update(id, remote.UpdateAssetInput{Content: zipped(sent)})
	s.must(err)
	if bytes.Equal(s.archive(id), sent) {
		return finding{"uploaded", "byte for byte"}
	}
	return finding{"rebuilt", "it is another one, made of the files"}
}

// emptyContent is item 15.
func emptyContent(s *scratch) finding {
	id := s.create().AssetId
	try := func(content remote.AssetContent) string {
		_, err := s.update(id, remote.UpdateAssetInput{Content: content})
		return words(s.answer(err))
	}
	main := string(s.main())
	twice := s.oddZip([2]string{"SKILL.md", main}, [2]string{fileA, "1\n"}, [2]string{fileA, "2\n"})
	return finding{text: "empty text: " + try(one(fileA, text(""))) +
		"; empty bytes: " + try(one(fileB, &remote.AssetFileBodyMemberBytes{Value: []byte{}})) +
		"; a zip of nothing: " + try(zipped(s.oddZip())) +
		"; a name twice in a zip: " + try(zipped(twice))}
}

// textLimit is the documented length of text, in characters.
const textLimit = 1_572_864

// longText is item 21. Checks of what is stated send the other sizes.
func longText(s *scratch) finding {
	id := s.create().AssetId
	limits := remote.Edition20260608()
	limits.TextChars = 2 * textLimit
	client, err := s.NewClient(limits, s.called)
	s.must(err)
	s.client = client
	_, err = s.put(id, fileA, text(strings.Repeat("x", textLimit+1)))
	return finding{text: words(s.answer(err))}
}

// nullMetadata is item 12.
func nullMetadata(s *scratch) finding {
	id := s.create().AssetId
	const key = "probe_note"
	_, err := s.update(id, remote.UpdateAssetInput{Metadata: s.document(map[string]any{key: "x"})})
	if kind := s.answer(err); kind != "" {
		return finding{text: "a key of our own: " + words(kind)}
	}
	_, err = s.update(id, remote.UpdateAssetInput{Metadata: s.document(map[string]any{key: nil})})
	kind := s.answer(err)
	value, there := s.values(s.get(id))[key]
	switch {
	case isInvalid(kind):
		return finding{"error", words(kind)}
	case kind != "":
		return finding{text: words(kind)}
	case !there:
		return finding{"remove", "the key is removed"}
	case value == nil:
		return finding{"store", "null is stored"}
	}
	return finding{text: "accepted, and the old value stays"}
}

// emptyUpdate is item 11.
func emptyUpdate(s *scratch) finding {
	a := s.create()
	_, err := s.update(a.AssetId, remote.UpdateAssetInput{})
	kind := s.answer(err)
	said := words(kind)
	if kind == "" && s.version(a.AssetId) > *a.Version {
		said += ", with a new version"
	}
	return finding{text: said}
}

// sameName is item 25.
func sameName(s *scratch) finding {
	s.create()
	content := s.zip(map[manifest.Path][]byte{"SKILL.md": s.main()})
	in := &remote.CreateAssetInput{
		AgentSpaceId: &s.Space, AssetType: new("skill"), Metadata: s.document(s.metadata()), Content: content, ClientToken: s.token(),
	}
	_, err := s.tryCreate(in)
	return finding{text: words(s.answer(err))}
}
