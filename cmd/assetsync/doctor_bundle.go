package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"assetsync/manifest/secrets"
)

// maxBundledLog is how much of the end of a log goes into a bundle.
const maxBundledLog = 64 << 10

var (
	accountDigits = regexp.MustCompile(`\b[0-9]{12}\b`)
	accessKey     = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{12,}\b`)
)

// writeBundle writes the report for others: no file of an asset, no credential, no
// account, no agent space, no home directory. A file that exists is left alone.
func (d *doctor) writeBundle(name string) error {
	mask := d.masker()
	files := map[string][]byte{"version.txt": []byte(thisBuild().String() + "\n")}
	report, err := json.MarshalIndent(map[string]any{"exit_code": d.code, "env": d.env.Name, "checks": d.checks, "counts": d.counts}, "", "  ")
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	files["doctor.json"] = append(report, '\n')
	if d.config != nil {
		text, err := readConfig(d.config.configFile())
		if err != nil {
			return fmt.Errorf("write bundle: read the config: %w", err)
		}
		files[ConfigName] = withoutSecrets(text)
		log, err := endOf(hookLogFile(d.stateHome(d.config)))
		if err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
		if log != nil {
			files["hook.log"] = withoutSecrets(log)
		}
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(file)
		if err == nil {
			_, err = f.Write([]byte(mask(string(files[file]))))
		}
		if err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return writeNew(name, b.Bytes())
}

// writeNew writes a file where there is none, for its owner alone.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usageError(err, "name a file that does not exist", "write bundle: %s exists already", name)
	}
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write bundle: %w", err), os.Remove(name))
	}
	return nil
}

// endOf reads the last bytes of a file; nothing when there is none.
func endOf(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data[max(0, len(data)-maxBundledLog):], err
}

// withoutSecrets takes out the lines in which something looks like a credential.
func withoutSecrets(text []byte) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	for _, f := range secrets.New().Scan(text) {
		if f.Line >= 1 && f.Line <= len(lines) {
			lines[f.Line-1] = "# (a line that looks like a credential was left out)\n"
		}
	}
	return []byte(strings.Join(lines, ""))
}

// masker returns what takes names out of texts that tell whose they are.
func (d *doctor) masker() func(string) string {
	var pairs []string
	put := func(text, mask string) {
		if text != "" {
			pairs = append(pairs, text, mask)
		}
	}
	if d.config != nil {
		single := d.config.Single
		put(single.AgentSpace.V, "SPACE")
		put(single.Profile.V, "PROFILE")
		for _, name := range d.config.EnvironmentNames() {
			e := d.config.Environments[name]
			put(e.AgentSpace.V, "SPACE-OF-"+name)
			put(e.Profile.V, "PROFILE-OF-"+name)
		}
	}
	put(d.space, "SPACE")
	put(d.env.Profile, "PROFILE")
	put(d.who, "ACCOUNT")
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		put(home, "~")
	}
	replacer := strings.NewReplacer(pairs...)
	return func(s string) string {
		s = accountDigits.ReplaceAllString(replacer.Replace(s), "ACCOUNT")
		return accessKey.ReplaceAllString(s, "ACCESS-KEY")
	}
}
