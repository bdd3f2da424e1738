//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
)

// service is an emulator that can be stopped and comes back at its address
// with what it holds.
type service struct {
	*testing.T
	dir  string
	url  string
	cmd  *exec.Cmd // nil: stopped
	logs int
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{T: t, dir: t.TempDir()}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start starts the emulator with further flags, at the address that it had.
func (s *service) start(flags ...string) {
	s.Helper()
	flags = append([]string{"--data", "remote", "--log-format", "json"}, flags...)
	if s.url != "" {
		flags = append(flags, "--addr", strings.TrimPrefix(s.url, "http://"))
	}
	s.logs++
	log, err := os.Create(s.logFile())
	if err != nil {
		s.Fatal(err)
	}
	defer log.Close()
	// For a moment somebody else may have the port for a way out.
	deadline := time.Now().Add(patience)
	for {
		cmd, url, err := startEmulator(s.dir, log, flags...)
		if err == nil {
			s.cmd, s.url = cmd, url
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("start emulator: %v\n%s", err, s.logText())
		}
		time.Sleep(glance)
	}
}

func (s *service) stop() {
	if s.cmd == nil {
		return
	}
	// Killed, because requests that are delayed would hold it up.
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// restart makes it behave by other flags.
func (s *service) restart(flags ...string) {
	s.Helper()
	s.stop()
	s.start(flags...)
}

func (s *service) logFile() string {
	return filepath.Join(s.dir, fmt.Sprintf("emulator.%d.log", s.logs))
}

// logText is what it logged since it was started last.
func (s *service) logText() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		s.Error(err)
	}
	return string(text)
}

// requests counts the requests since it was started last.
func (s *service) requests() int { return strings.Count(s.logText(), `"msg":"request"`) }

// deletions reports whether a file or an asset was deleted since it was
// started last.
func (s *service) deletions() bool { return strings.Contains(s.logText(), `"method":"DELETE"`) }

func (s *service) client() *remote.Client {
	c, err := remote.NewClient(remote.Options{Endpoint: s.url, HTTPClient: &http.Client{Timeout: patience}})
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// assets returns what the space holds, by name.
func (s *service) assets() (map[string]remote.Asset, error) {
	out, err := s.client().ListAssets(context.Background(), &remote.ListAssetsInput{AgentSpaceId: new("sp-1")})
	if err != nil {
		return nil, err
	}
	assets := map[string]remote.Asset{}
	for _, a := range out.Items {
		about, err := a.Metadata.Map()
		if err != nil {
			return nil, err
		}
		assets[fmt.Sprint(about["name"])] = a
	}
	return assets, nil
}

// find returns the id of the asset of a name; "" when there is none.
func (s *service) find(name string) (id string, err error) {
	assets, err := s.assets()
	if a, ok := assets[name]; ok {
		id = *a.AssetId
	}
	return id, err
}

// idOf returns the id of an asset that is there.
func (s *service) idOf(name string) string {
	s.Helper()
	id, err := s.find(name)
	if err != nil || id == "" {
		s.Fatalf("find asset %s: %q, %v", name, id, err)
	}
	return id
}

func (s *service) version(id string) (int32, error) {
	out, err := s.client().GetAsset(context.Background(), &remote.GetAssetInput{AgentSpaceId: new("sp-1"), AssetId: &id})
	if err != nil {
		return 0, err
	}
	return *out.Asset.Version, nil
}

// files reads a version of an asset; 0 is the newest.
func (s *service) files(id string, version int32) (map[string]string, error) {
	if id == "" {
		return nil, errors.New("there is no such asset")
	}
	in := &remote.GetAssetContentInput{AgentSpaceId: new("sp-1"), AssetId: &id}
	if version > 0 {
		in.AssetVersion = &version
	}
	out, err := s.client().GetAssetContent(context.Background(), in)
	if err != nil {
		return nil, err
	}
	bundle, err := manifest.ReadZip(out.Content.ZipFile, manifest.ZipLimits{})
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for path, data := range maps.All(bundle.Files()) {
		files[string(path)] = string(data)
	}
	return files, nil
}
