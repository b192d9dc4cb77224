# Jars by Maven, fetched once: what the servers of this folder have in common.
# shellcheck shell=sh
#
# Sourced. A server's cache holds `lib/` with its jars, `conf/` for what goes before them on the class path, `pom.xml`
# with what was asked for, and `complete` once all of that is there. Another pom fetches again.

servers=$(dirname "$(realpath "$0")")

# cache NAME VERSION [OVERRIDE]: where the jars of a server lie
cache() {
	echo "${3:-${CARGO_TARGET_DIR:-$servers/../../target}/servers/$1}/$2"
}

# Of a dependency that shall bring nothing of its own.
# shellcheck disable=SC2034 # for those who source this
alone='<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'

# dependency GROUP ARTIFACT VERSION [EXCLUSIONS]
dependency() {
	printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>%s</dependency>\n' "$1" "$2" "$3" "${4:-}"
}

# pom NAME: a project with the dependencies of stdin
pom() {
	echo "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>$1</artifactId><version>1</version><packaging>pom</packaging><dependencies>"
	cat
	echo '</dependencies></project>'
}

# fetch NAME CACHE: the dependencies of stdin, unless they are there; who wants the same at the same time waits
fetch() {
	mkdir -p "$2/conf" "$HOME/.m2"
	pom "$1" > "$2/pom.$$"
	(
		flock 9
		if [ -e "$2/complete" ] && cmp -s "$2/pom.$$" "$2/pom.xml"; then
			rm "$2/pom.$$"
		else
			mv "$2/pom.$$" "$2/pom.xml"
			copy_jars "$2"
		fi
	) 9< "$2/conf"
}

# copy_jars CACHE: first from what is there, then from the net
copy_jars() {
	command -v java > /dev/null || { echo "needs a Java runtime" >&2; return 1; }
	command -v mvn > /dev/null || { echo "needs Maven" >&2; return 1; }
	rm -rf "${1:?}/complete" "${1:?}/lib"
	for mode in -o -B; do
		# Two mvn on one local repository spoil it, so they take turns.
		if flock "$HOME/.m2/in-use" timeout 600 mvn -q -B $mode -f "$1/pom.xml" dependency:copy-dependencies \
			-DincludeScope=runtime -DoutputDirectory="$1/lib" > "$1/mvn.log" 2>&1; then
			: > "$1/complete"
			return 0
		fi
	done
	sed -n '1,5p' "$1/mvn.log" >&2
	return 1
}

# What log4j 1 needs, lest it be silent: everything to stderr.
log4j_properties() {
	cat <<-'LOG'
		log4j.rootLogger=INFO,C
		log4j.appender.C=org.apache.log4j.ConsoleAppender
		log4j.appender.C.target=System.err
		log4j.appender.C.layout=org.apache.log4j.PatternLayout
		log4j.appender.C.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c - %m%n
	LOG
}
