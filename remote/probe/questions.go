package probe

// Question asks one open item about the service, or a part of one.
type Question struct {
	Item   int // of docs/probe.md
	Asks   string
	Quirk  string // the emulator's name for it; "" when it has none
	WhyNot string // why it is never asked; then nothing is
	find   func(*scratch) finding
}

// finding is an answer: a reading of the quirk where there is one, and words.
type finding struct{ reading, text string }

// Questions returns all questions in the order in which they are asked.
func Questions() []Question {
	ask := func(item int, quirk, asks string, find func(*scratch) finding) Question {
		return Question{Item: item, Asks: asks, Quirk: quirk, find: find}
	}
	leave := func(item int, asks, why string) Question {
		return Question{Item: item, Asks: asks, WhyNot: "not asked: " + why}
	}
	return []Question{
		// The first one tells whether what is made can be deleted.
		ask(10, "", "versions of a deleted asset", deletedVersions),
		ask(1, "create-existing", "CreateAssetFile on a path that exists", createExisting),
		ask(2, "update-missing", "UpdateAssetFile on a path that does not exist", updateMissing),
		ask(2, "", "the same with metadata alone", updateMissingMetadata),
		ask(3, "file-create-version", "CreateAssetFile raises the version", fileCreateVersion),
		ask(3, "file-delete-version", "DeleteAssetFile raises the version", fileDeleteVersion),
		ask(3, "version-step", "by how much a write raises the version", versionStep),
		ask(4, "file-version", "version of a file that a write leaves alone", fileVersion),
		ask(5, "", "createdAt and updatedAt over several versions", times),
		ask(6, "delete-missing", "DeleteAssetFile on a path that does not exist", deleteMissing),
		ask(6, "", "deleting the main file, and the last one", deleteMain),
		ask(7, "rewrite", "a skill's main file is stored as it was sent", rewrite),
		ask(7, "", "frontmatter after a file call, and name on a skill from a zip", frontmatter),
		ask(8, "text-readback", "text comes back as text or as bytes", textReadback),
		ask(8, "", "byte order marks, CRLF, NUL, Unicode forms", oddText),
		ask(9, "read-zip", "GetAssetContent gives the zip that was uploaded", readZip),
		ask(10, "missing-version", "a version above the newest", missingVersion),
		ask(10, "prune-versions", "how many versions can be read", pruneVersions),
		ask(11, "", "UpdateAsset of nothing", emptyUpdate),
		ask(12, "null-metadata", "null as a metadata value", nullMetadata),
		ask(13, "", "a client token again, on a file and on another operation", tokens),
		leave(13, "how long a client token is remembered", "it would take hours or days"),
		ask(14, "", "names that differ by case, a file that is a directory as well", paths),
		leave(14, "empty, . and .. segments of a path", "signatures squeeze them, so assetsync never sends one"),
		ask(15, "", "empty text, an empty zip, one name twice in a zip", emptyContent),
		leave(15, "zip bombs, encrypted entries", "they are attacks"),
		ask(16, "page-size", "items of a page of 100", pageSize),
		ask(16, "empty-pages", "empty pages with a token", emptyPages),
		ask(16, "", "items of a page without maxResults", defaultPage),
		ask(17, "list-order", "order of files", listOrder),
		ask(17, "version-order", "order of versions", versionOrder),
		ask(18, "", "a page token with another list", pageToken),
		leave(18, "how long a page token is good", "it may take hours"),
		ask(19, "", "updatedAfter and updatedBefore at the very time", updatedBounds),
		ask(20, "", "ListAssets of an unknown type", unknownType),
		ask(21, "", "text over 1,572,864 characters", longText),
		leave(21, "quotas", "one would have to be used up"),
		ask(22, "", "Retry-After", retryAfter),
		leave(22, "rate limits", "meeting one would throttle everybody in the account"),
		ask(23, "", "where the name of an error is", errorName),
		ask(24, "timestamps", "precision of times", timestamps),
		ask(25, "", "a second skill of one name", sameName),
		leave(25, "a second agents_md of an agent type", "an agents_md speaks to your agents at once"),
		ask(26, "", "two updates at the same time", concurrent),
		ask(27, "list-lag", "ListAssets after a write", listLag),
		ask(27, "", "a new version in GetAsset, ListAssetFiles and GetAssetContent", atomic),
		ask(28, "zip-file-metadata", "metadata of a file after a zip", zipFileMetadata),
		ask(28, "", "keys and values of a file's metadata", fileMetadata),
	}
}
