package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"assetsync/internal/lazyregexp"
	"assetsync/manifest/secrets"
)

// maxBundledLog is how much of the end of a log goes into a bundle.
const maxBundledLog = 64 << 10

var (
	accountDigits = lazyregexp.New(`\b[0-9]{12}\b`)
	accessKey     = lazyregexp.New(`\b(AKIA|ASIA)[A-Z0-9]{12,}\b`)
	sessionOf     = lazyregexp.New(`(:assumed-role/[^\s/]+/)[^\s,;:"]+`) // who has signed in, often by mail address

	userOf = lazyregexp.New(`://[^\s/@]+@`) // and password, of a proxy for one

	// notifyKey begins the block of the config, as people write it.
	notifyKey = lazyregexp.New(`^["']?notify["']?\s*:`)
)

// writeBundle writes the report for others: no file of an asset, no credential, no
// account, no agent space, no home directory, nobody who is told. A file that exists
// is left alone.
func (d *doctor) writeBundle(name string) error {
	mask := d.masker()
	files := map[string][]byte{"version.txt": []byte(thisBuild().String() + "\n")}
	checks := slices.Clone(d.checks)
	for i, c := range checks { // before they are JSON, which writes some signs in another way
		checks[i].Detail, checks[i].Fix = mask(string(withoutSecrets([]byte(c.Detail)))), mask(string(withoutSecrets([]byte(c.Fix))))
	}
	report, err := json.MarshalIndent(map[string]any{"exit_code": d.code, "env": d.env.Name, "checks": checks, "counts": d.counts}, "", "  ")
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	files["doctor.json"] = append(report, '\n')
	if d.config != nil {
		text, err := readConfig(d.config.configFile())
		if err != nil {
			return fmt.Errorf("write bundle: read the config: %w", err)
		}
		files[ConfigName] = withoutSecrets(d.config.withoutNotify(text))
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

// endOf reads the last lines of a file, whole ones: of half a line nobody can tell
// whether it was a credential. Nothing when there is none.
func endOf(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if cut := len(data) - maxBundledLog; cut > 0 {
		_, data, _ = bytes.Cut(data[cut-1:], []byte("\n"))
	}
	return data, err
}

// withoutNotify takes out of the text of a config who is told: the URL of a webhook
// is a secret, and so may be the arguments of a command. Where it cannot be taken
// out, nothing is left.
func (c *Config) withoutNotify(text []byte) []byte {
	if !c.Notifying.At.set() {
		return text
	}
	var out []byte
	inside, found := false, false
	for line := range bytes.Lines(text) {
		if ends := !bytes.ContainsAny(line[:1], " \t\r\n#-]}"); ends {
			inside = notifyKey().Match(line)
			found = found || inside
		}
		if !inside {
			out = append(out, line...)
		}
	}
	if !found {
		return []byte("# (left out: it says under notify: who is told)\n")
	}
	return append(out, "# (notify: was left out)\n"...)
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
	masks := map[string]string{}
	put := func(text, mask string) {
		if text != "" && !strings.Contains(text, "${") { // a variable's name tells nothing
			masks[text] = mask
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
	// The longest first: one name may begin with another.
	longest := func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }
	var pairs []string
	for _, text := range slices.SortedFunc(maps.Keys(masks), longest) {
		pairs = append(pairs, text, masks[text])
	}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		pairs = append(pairs, home, "~")
		if real, err := filepath.EvalSymlinks(home); err == nil {
			pairs = append(pairs, real, "~")
		}
	}
	replacer := strings.NewReplacer(pairs...)
	return func(s string) string {
		s = accountDigits().ReplaceAllString(replacer.Replace(s), "ACCOUNT")
		s = accessKey().ReplaceAllString(s, "ACCESS-KEY")
		return userOf().ReplaceAllString(sessionOf().ReplaceAllString(s, "${1}SESSION"), "://USER@")
	}
}
