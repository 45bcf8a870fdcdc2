#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The tool chain of Scala, for those who ask for it.

load helper

# A SCALA_BASEURL with a tool chain of its own.
function archive {
    local source=$STANDIN/www release=$1
    mkdir -p "$source/scala-$release/bin"
    printf '#!/bin/sh\necho Scala %s\n' "$release" \
        >"$source/scala-$release/bin/scala"
    chmod +x "$source/scala-$release/bin/scala"
    tar -C "$source" -czf "$source/scala-$release.tgz" "scala-$release"
    export SCALA_BASEURL=file://$source
    SCALA_ARCHIVE_SHA256=$(sha256sum <"$source/scala-$release.tgz" |
        cut -d " " -f 1)
    export SCALA_ARCHIVE_SHA256
}

@test "a binary version of Scala means the catalogue's patch release" {
    run devstack stack 'phase stack none' _scala_release \
        'KAFKA_VERSION=2.0.0 SCALA_VERSION=2.12' _scala_release \
        'SCALA_VERSION=2.12.18' _scala_release _kafka_scala_binary
    [[ "${lines[0]}" == 2.13.18 ]]
    [[ "${lines[1]}" == 2.12.6 ]]
    [[ "${lines[2]}" == 2.12.18 ]]
    [[ "${lines[3]}" == 2.12 ]]
}

@test "the patch release is the one in the catalogue, for each build" {
    local file build
    for file in "$CHECKOUT"/roles/kafka/vars/jars/kafka_*.txt; do
        build=$(basename "$file" .txt)
        build=${build#kafka_}
        KAFKA_VERSION=${build#*-} SCALA_VERSION=${build%-*} \
            run devstack stack 'phase stack none' _scala_release
        [[ "${lines[0]}" =~ ^"${build%-*}".[0-9]+$ ]]
    done
}

@test "the guide's SCALA_BASEURL gets the right path" {
    SCALA_BASEURL=http://www.scala-lang.org/riles/archive \
        run devstack stack 'phase stack none' _scala_baseurl
    [[ "${lines[0]}" == http://www.scala-lang.org/files/archive ]]
    SCALA_BASEURL=http://www.scala-lang.org/riles/ \
        run devstack stack 'phase stack none' _scala_baseurl
    [[ "${lines[0]}" == http://www.scala-lang.org/files ]]
    run devstack stack 'phase stack none' _scala_baseurl
    [[ "${lines[0]}" == https://www.scala-lang.org/files/archive ]]
}

@test "SCALA_BASEURL is asked only when the tool chain is wanted" {
    SCALA_BASEURL=file:///nowhere run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ ! -e "$KAFKA_DIR/scala" ]]
    # There is no broker that would answer a second time.
    rm "$KAFKA_DIR/broker.state"
    SCALA_BASEURL=file:///nowhere KAFKA_SCALA_TOOLS=True \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -ne 0 ]]
    [[ "$output" == *"file:///nowhere/scala-2.13.18.tgz could not be fetched"* ]]
}

@test "an account in SCALA_BASEURL is on no command line and in no message" {
    export KAFKA_SCALA_TOOLS=True
    SCALA_BASEURL=https://me:s3cr3t@m.example/riles run devstack stack \
        'function curl { echo "curl $*"; cat >"$STANDIN/asked"; return 22; }' \
        'phase stack pre-install'
    [[ "$status" -ne 0 ]]
    [[ "$output" == *"https://m.example/files/scala-2.13.18.tgz could not be"* ]]
    [[ "$output" != *s3cr3t* ]]
    [[ "$(cat "$STANDIN/asked")" == \
        'url = "https://me:s3cr3t@m.example/files/scala-2.13.18.tgz"' ]]
}

@test "the tool chain is fetched, verified, kept and found again" {
    archive 2.13.18
    export KAFKA_SCALA_TOOLS=True
    run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ "$("$KAFKA_DIR/scala/bin/scala")" == "Scala 2.13.18" ]]
    rm -r "$STANDIN/www" "$KAFKA_DIR/broker.state" "$KAFKA_DIR/scala" "$KAFKA_DIR/scala-2.13.18"
    OFFLINE=True run devstack stack 'phase stack pre-install'
    [[ "$status" -eq 0 ]]
    [[ -x "$KAFKA_DIR/scala/bin/scala" ]]
}

@test "an archive of Scala with another digest is not unpacked and not kept" {
    archive 2.13.18
    SCALA_ARCHIVE_SHA256='' KAFKA_SCALA_TOOLS=True \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -ne 0 ]]
    [[ "$output" == *"scala-2.13.18.tgz does not have the SHA-256 1834d09f"* ]]
    [[ ! -e "$KAFKA_DIR/scala" ]]
    [[ -z "$(find "$KAFKA_DIR" -name '*.tgz*')" ]]
}

@test "OFFLINE without the tool chain's archive is refused" {
    OFFLINE=True KAFKA_SCALA_TOOLS=True \
        run devstack stack 'phase stack pre-install'
    [[ "$status" -ne 0 ]]
    [[ "$output" == *"scala-2.13.18.tgz is not there: run stack.sh once"* ]]
}
