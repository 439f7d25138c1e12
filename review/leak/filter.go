// SPDX-License-Identifier: MPL-2.0

package leak

import "strings"

// filter decides which matches of the rules are secrets. The rules of Gitleaks look at one line. Many lines of
// configuration files have a name such as "key" and a value that no word explains, and hold no secret: they refer to
// one, or the value is an id or a content hash.
type filter struct {
	text       string
	shape      *shape
	secretData bool // the text can hold a Secret of Kubernetes
}

// leastScore is the lowest score of a secret. Half of all random texts of 10 letters and digits reach it, and 95 % of
// tokens of 20.
const leastScore = 9

// accepts reports whether a match is a secret.
func (f *filter) accepts(m *match) bool {
	switch {
	case m.rule.ID == "private-key":
		return f.isPrivateKey(m.whole)
	case m.rule.assignment:
		return f.isCredential(m)
	}
	if m.rule.constant() && !continues(f.text, m.start+len(m.whole)) {
		return false // the beginning of a token alone, as in a file of rules
	}
	// The pattern says already what it is, unless it also matches any commit, or any field of a variable s.
	least := prefilterScore
	if strings.HasPrefix(m.secret, "s.") {
		least = 2 * prefilterScore
	}
	return !isDigest(m.secret) && f.isRandom(m.secret, least)
}

// continues reports whether a token goes on at an index of a text.
func continues(text string, at int) bool {
	return at < len(text) && (isWordByte(text[at]) || strings.IndexByte("+/=-", text[at]) >= 0)
}

// isRandom reports whether a value looks random. A value in base64 is what it stands for.
func (f *filter) isRandom(value string, least int) bool {
	if isExample(value) {
		return false
	}
	if text, ok := decodedText(value); ok {
		return !strings.Contains(text, "-----BEGIN CERT") && !isExample(text) && f.shape.score(text) >= least
	}
	return f.shape.score(value) >= least
}

// exampleWords are in values that documentation tells to replace.
var exampleWords = []string{"example", "changeme", "change-me", "change_me", "placeholder", "your", "replace", "dummy",
	"redacted", "xxxxx", "12345678", "abcdef", "abc123", "..."}

func isExample(value string) bool {
	value = strings.ToLower(value)
	for _, word := range exampleWords {
		if strings.Contains(value, word) {
			return true
		}
	}
	return false
}

// isPrivateKey reports whether a PEM block, also one in a quoted string, has a body of base64 and not a text that
// stands for one.
func (f *filter) isPrivateKey(block string) bool {
	_, body, _ := strings.Cut(strings.TrimPrefix(block, "-----"), "-----")
	body, _, _ = strings.Cut(body, "-----")
	best, length := "", 0
	for part := range strings.FieldsFuncSeq(body, func(r rune) bool {
		return !(r < 128 && (f.shape.class[r] >= digit || r == '+' || r == '/'))
	}) {
		part = strings.TrimPrefix(part, "n") // of "\n"
		length += len(part)
		if len(part) > len(best) {
			best = part
		}
	}
	return length >= 64 && len(best) >= 32 && f.shape.score(best) >= 2*leastScore && !isExample(best)
}

// isCredential reports whether an assignment has the name and the value of a credential.
func (f *filter) isCredential(m *match) bool {
	at := strings.LastIndex(m.whole, m.secret)
	if at < 0 {
		return false
	}
	start, end := nameBefore(f.text, m.start+at) // the match may begin within the name
	words := nameWords(f.text[start:end])
	strength := strengthOf(words, m.rule.ID != genericRule)
	if strength == noCredential {
		return false
	}
	c := contextOf(f.text, start)
	if c.refers() || isInARN(f.text, start) {
		return false
	}
	if strength == weakName && !c.isSecretData() {
		return false
	}
	value := strings.Trim(m.secret, `"'`)
	switch {
	case isUUID(value):
		return m.rule.ID != genericRule && strength == strongName
	case isDigest(value):
		return strength == strongName
	}
	return f.isRandom(value, leastScore)
}

// isInARN reports whether the text at an index is inside the name of a resource of AWS, which refers to a secret:
// arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-q9RBXO.
func isInARN(text string, at int) bool {
	text = text[max(0, at-before):at]
	return strings.HasPrefix(text[strings.LastIndexAny(text, " \t\r\n'\"`=,;[(<>")+1:], "arn:")
}

const genericRule = "generic-api-key"

// The strength of a name.
const (
	noCredential = iota // the name of something else
	weakName            // "key" or "auth", which can be anything
	strongName
)

// canBeNamed reports whether the value at an index of the text can have the name of a credential.
func (f *filter) canBeNamed(at int) bool {
	start, end := nameBefore(f.text, at)
	name := f.text[start:end]
	return isNumber(name) || strengthOf(nameWords(name), true) != noCredential
}

// canBeGeneric reports whether isCredential can accept a value that the generic rule matches. That rule is the slowest,
// and its keywords are in most files, so it should not see each UUID with a name such as "key".
func (f *filter) canBeGeneric(value span) bool {
	start, end := nameBefore(f.text, value.start)
	name := f.text[start:end]
	if isNumber(name) || f.text[value.start-1] == '=' && !f.beginsLine(start) { // the name can be a part of the value
		return true
	}
	uuid := isUUID(f.text[value.start:value.end]) && !strings.HasPrefix(f.text[value.end:], "=")
	switch strengthOf(nameWords(name), false) {
	case strongName:
		return !uuid
	case weakName:
		return !uuid && f.secretData
	}
	return false
}

// isNumber reports whether a name is the first part of a value such as 12:abc.
func isNumber(name string) bool { return name != "" && trimNumber(name) == "" }

// beginsLine reports whether only blanks, quotes and the dash of a list stand before an index on its line.
func (f *filter) beginsLine(at int) bool {
	line := f.text[max(0, at-before):at]
	line = line[strings.LastIndexByte(line, '\n')+1:]
	return len(line) < before && strings.Trim(line, " \t-\"'") == ""
}

// strengthOf says whether the words of a name stand for a credential. With vendor, a rule for the keys of one
// vendor has matched, so that "key" alone is enough.
func strengthOf(words []string, vendor bool) int {
	for len(words) > 0 && trimNumber(words[len(words)-1]) == "" { // key_1
		words = words[:len(words)-1]
	}
	if len(words) == 0 || listed(lastWords, trimNumber(words[len(words)-1])) {
		return noCredential
	}
	strong, weak := false, false
	for i, word := range words {
		word = trimNumber(word)
		switch {
		case listed(otherWords, word):
			return noCredential
		case listed(strongWords, word), hasStrongSuffix(word):
			strong = true
		case word == "key" || word == "keys" || word == "auth" || word == "access" || word == "api":
			weak = true
			if word == "key" && i > 0 && listed(keyWords, words[i-1]) {
				strong = true
			}
		}
	}
	switch {
	case strong, weak && vendor:
		return strongName
	case weak:
		return weakName
	}
	return noCredential
}

// hasStrongSuffix reports whether a word such as "dbpassword" ends with the name of a credential.
func hasStrongSuffix(word string) bool {
	for _, suffix := range []string{"password", "passwd", "secret", "token", "accesskey", "accountkey", "apikey"} {
		if strings.HasSuffix(word, suffix) {
			return true
		}
	}
	return false
}

// trimNumber returns a word such as "password2" without its number.
func trimNumber(word string) string { return strings.TrimRight(word, "0123456789") }

// listed reports whether a list of words has a word.
func listed(list, word string) bool { return strings.Contains(list, " "+word+" ") }

const (
	// strongWords name a credential.
	strongWords = " password passwd passwort passphrase passcode pwd pass secret secrets token apikey apikeys accesskey " +
		"secretkey privatekey authkey apitoken accesstoken authtoken credential credentials creds bearer jwt " +
		"pat dsn webhook "

	// keyWords make the word "key" after them a credential.
	keyWords = " access account admin aes api app application auth base client consumer crypto deploy encryption " +
		"encrypt enc fernet hmac host ingest ingestion integration license master private secret service " +
		"session shared signature signing sign ssh storage subscription token tsig webhook write server jwt " +
		"accountkey "

	// lastWords end the name of something that is not a credential, such as a reference to one.
	lastWords = " ref refs reference name names path paths file files filename dir directory id ids url urls uri " +
		"endpoint host hostname server address addr user username login email type types kind mode class " +
		"version image tag repository repo label labels namespace group role policy expiry expires expiration " +
		"ttl timeout size length count enabled algorithm alg format template provider issuer audience scope " +
		"scopes method field fields column index property selector checksum digest hash hashes sha md " +
		"sum fingerprint thumbprint hint prefix suffix alias arn region bucket store cert " +
		"certificate crt ca csr pem description title text comment date time at on number num port interval " +
		"duration limit env variable var action command cmd key_id keyid kid salt usage header cookie " +
		"parameter param domain realm source location link schema rotation "

	// otherWords, anywhere in a name, say that it does not name a credential.
	otherWords = " public pub existing checksum sha digest hash integrity etag commit revision cache cached primary " +
		"foreign partition sort shortcut hot page next cursor continuation pagination idempotency nonce " +
		"request resource translation encrypted sealed author authors authority image ref encryptedkey " +
		"publickey fingerprint monkey keyboard keyword keywords "
)

// nameBefore returns where the name is that the text before an index ends with, apart from the signs between a name
// and its value.
func nameBefore(text string, at int) (start, end int) {
	limit := max(0, at-before)
	end = limit + len(strings.TrimRight(text[limit:at], " \t\r\n'\"`=:>|,?"))
	start = end
	for start > limit && isNameByte(text[start-1]) {
		start--
	}
	return start, end
}

func isNameByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '/' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// nameWords splits a name such as "db_accessKey" or "DB-ACCESS-KEY" into its words, in lower case.
func nameWords(name string) []string {
	var words []string
	start := 0
	add := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(name[start:end]))
		}
		start = end
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_' || c == '-' || c == '.' || c == '/':
			add(i)
			start = i + 1
		case i > start && c >= 'A' && c <= 'Z' &&
			(name[i-1] < 'A' || name[i-1] > 'Z' || i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'):
			add(i)
		}
	}
	add(len(name))
	return words
}
