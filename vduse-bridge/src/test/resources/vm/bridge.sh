#!/bin/bash
# Runs in the virtual machine: a bridge whose volumes are in memory and in files, driven through its control socket.
# Arguments: the class path, the java command. Prints "ok NAME" or "FAIL NAME: why" for each thing looked at.
set -u
classpath=$1
java=$2
work=$(mktemp -d)
socket=$work/run/bridge.sock
stall=$work/stall
log=$work/bridge.log
mkfifo "$work/in"
exec 3<>"$work/in"
: >"$log"

check() { # NAME COMMAND...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then echo "ok $name"; else echo "FAIL $name: $* -> $output"; fi
}

ends() { # NAME PROCESS, a child: it must end without an error
    if wait "$2"; then echo "ok $1"; else echo "FAIL $1: exit code $?"; fi
}

becomes() { # VALUE COMMAND...
    local wanted=$1
    shift
    for _ in $(seq 300); do
        [[ $("$@") == "$wanted" ]] && return
        sleep 0.1
    done
    echo "'$("$@")' is not '$wanted'"
    return 1
}

same() { [[ $1 == "$2" ]] || { echo "'$1' is not '$2'"; return 1; }; }

has() { [[ $2 == *"$1"* ]] || { echo "'$1' is not in '$2'"; return 1; }; }

start() {
    local before
    before=$(grep -ac '^ready' "$log")
    "$java" -XX:TieredStopAtLevel=1 -Xms256m -Xmx256m -cp "$classpath" io.ashlar.vduse.agent.BridgeMain \
        "$socket" "$stall" <"$work/in" >>"$log" 2>&1 &
    bridge=$!
    for _ in $(seq 1200); do
        (($(grep -ac '^ready' "$log") > before)) && return
        kill -0 "$bridge" 2>/dev/null || break
        sleep 0.1
    done
    echo "FAIL start: $(tail -5 "$log")"
    exit 1
}

say() { # sends a command without waiting for its answer
    echo "$1" >&3
}

ask() { # sends a command, returns what is printed up to its answer
    local from
    from=$(stat -c %s "$log")
    say "$1"
    for _ in $(seq 900); do
        tail -c +$((from + 1)) "$log" | grep -aq "^$1: " && break
        sleep 0.1
    done
    tail -c +$((from + 1)) "$log"
}

state() { ask list | grep -ao 'state=[a-z]*'; }

queue() { cat "/sys/block/$1/queue/$2"; }

modprobe -r vhost_vdpa virtio_vdpa 2>/dev/null
# vhost_vdpa first, so that it is the one that the bus offers devices to
modprobe vhost_vdpa && modprobe vduse && modprobe virtio_vdpa
start

# --- attaching, and what the kernel shows
check refuses-unknown has "there is no volume nosuch" "$(ask 'attach nosuch')"
check refuses-bad-name has "can't be the name" "$(ask 'attach ../x')"
check attaches has "device=/dev/vda, link=/dev/ashlar/mem64" "$(ask 'attach mem64')"
check driver same virtio_vdpa "$(basename "$(readlink -f /sys/bus/vdpa/devices/ashlar-*/driver)")"
check refuses-twice has "attached already as /dev/vda" "$(ask 'attach mem64')"
vduse=$(basename /sys/class/vduse/ashlar-*)
check size same $((64 << 20)) "$(blockdev --getsize64 /dev/vda)"
check link same /dev/vda "$(readlink -f /dev/ashlar/mem64)"
check serial same c0015877ae1d3a55a831 "$(cat /sys/block/vda/serial)"
check settings same "512 4096 4096 0 write back" \
    "$(queue vda logical_block_size) $(queue vda physical_block_size) $(queue vda minimum_io_size) $(queue vda rotational) $(queue vda write_cache)"
check queues same "$(nproc)" "$(find /sys/block/vda/mq -mindepth 1 -maxdepth 1 | wc -l)"
check message-timeout same 300 "$(cat /sys/class/vduse/"$vduse"/msg_timeout)"
check socket-mode same "600 700" "$(stat -c %a "$socket") $(stat -c %a "$(dirname "$socket")")"

# --- data
head -c $((8 << 20)) /dev/urandom >"$work/data"
check writes dd if="$work/data" of=/dev/vda bs=1M oflag=direct
check reads-back cmp -n $((8 << 20)) "$work/data" /dev/vda
check odd-sectors bash -c "dd if=$work/data of=/dev/vda bs=512 seek=12345 skip=3 count=99 oflag=direct &&
    cmp -n $((99 * 512)) <(tail -c +$((3 * 512 + 1)) $work/data) <(tail -c +$((12345 * 512 + 1)) /dev/vda)"
check discards bash -c 'blkdiscard -f /dev/vda && cmp -n 8388608 /dev/vda /dev/zero'
check zeroes bash -c "dd if=$work/data of=/dev/vda bs=1M oflag=direct && blkdiscard -z -f /dev/vda && cmp -n 8388608 /dev/vda /dev/zero"

# --- a file system, growing while mounted
mkdir "$work/mnt"
check mkfs mkfs.ext4 -q /dev/vda
check mount mount /dev/vda "$work/mnt"
cp "$work/data" "$work/mnt/data"
say 'resize mem64 128'
check grows becomes $((128 << 20)) blockdev --getsize64 /dev/vda
check resize2fs resize2fs /dev/vda
check content cmp "$work/data" "$work/mnt/data"
check refuses-mounted has "mounted on $work/mnt" "$(ask 'detach mem64')"
umount "$work/mnt"
check fsck fsck.ext4 -fn /dev/vda

# --- others that use it
sleep 1000 </dev/vda &
holder=$!
check refuses-open has "open in process $holder (sleep)" "$(ask 'detach mem64')"
kill "$holder"
wait "$holder" 2>/dev/null
mkswap -q /dev/vda >/dev/null
swapon /dev/vda
check refuses-swap has "swap on vda" "$(ask 'detach mem64')"
swapoff /dev/vda

# --- affinity: every queue on one CPU, its loop on the same; followed when changed by hand
check narrowed same "1 2" "$(cat /sys/class/vduse/"$vduse"/vq0/irq_cb_affinity) $(cat /sys/class/vduse/"$vduse"/vq1/irq_cb_affinity)"
fio --name=move --filename=/dev/vda --rw=randrw --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --numjobs=2 --size=60m \
    --time_based --runtime=12 --output="$work/move" &
load=$!
for mask in 2 1 2 1 2; do
    sleep 2
    echo $mask >/sys/class/vduse/"$vduse"/vq0/irq_cb_affinity
done
ends io-while-moving "$load"
check follows has "queueCpus=[1, 1]" "$(ask list)"
check detaches has "detach mem64: done" "$(ask 'detach mem64')"
check gone bash -c '[[ ! -e /dev/vda && ! -e /dev/ashlar/mem64 && ! -e /dev/vduse/ashlar-* ]]'
check attaches-read-only has "readOnly=true" "$(ask 'attach-ro mem64')"
check read-only same 1 "$(blockdev --getro /dev/vda)"
check detaches-again has "detach mem64: done" "$(ask 'detach mem64')"

# --- a node that is away
touch "$stall"
say 'attach stalling &'
sleep 3
check shows-attaching has "state=attaching" "$(ask list)"
check force-while-attaching has "force stalling: done" "$(ask 'force stalling')"
rm "$stall"
ask 'attach stalling' >/dev/null
touch "$stall"
dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>"$work/dd" &
reader=$!
sleep 1
check refuses-while-away has "open in process" "$(ask 'detach stalling')"
check force-while-away has "force stalling: done" "$(ask 'force stalling')"
wait "$reader"
check reader-gets-error has "Input/output error" "$(cat "$work/dd")"
rm "$stall"

# --- killed under load: the applications wait, nothing is lost
ask 'attach file' >/dev/null
fio --name=verify --filename=/dev/vda --rw=randwrite --bs=4k --iodepth=32 --ioengine=libaio --direct=1 --size=32m \
    --verify=crc32c --verify_fatal=1 --do_verify=1 --rate_iops=600 --output="$work/verify" &
load=$!
for _ in 1 2 3; do
    sleep 3
    kill -9 "$bridge"
    wait "$bridge" 2>/dev/null
    start
done
ends verified-after-kills "$load"
becomes state=attached state >/dev/null # its I/O has ended before all about it is settled
check resumed has "file, state=attached, device=/dev/vda" "$(ask list)"

# --- its log damaged: the device is left alone; put back: it goes on
say stop
wait "$bridge"
inflight=$(ls "$socket.d"/*.inflight)
cp -p "$inflight" "$work/inflight"
printf x | dd of="$inflight" bs=1 seek=20 conv=notrunc 2>/dev/null
dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null &
reader=$!
start
check damaged-log-left-alone becomes state=orphan state
check damaged-log-not-forced has "its header is damaged" "$(ask 'force file')"
say stop
wait "$bridge"
cp -p "$work/inflight" "$inflight"
start
ends reader-goes-on "$reader"

# --- stopped in good order with a reader waiting, and its record lost: an orphan
say stop
wait "$bridge"
check last-line has "devices stay and their applications wait: file (/dev/vda)" "$(tail -1 "$log")"
check device-stays test -b /dev/vda
dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>"$work/dd" &
reader=$!
rm "$socket.d"/*.json
start
orphan=$(basename /sys/class/vduse/ashlar-*)
check orphan-stays has "may be in use" "$(ask "detach $orphan")"
check orphan-goes has "force $orphan: done" "$(ask "force $orphan")"
wait "$reader"
check orphans-reader-gets-error has "Input/output error" "$(cat "$work/dd")"
check nothing-left same "control" "$(ls /dev/vduse)"

# --- killed, and nobody starts another: a device can still be removed, the other one stays
ask 'attach file' >/dev/null
ask 'attach stalling' >/dev/null
check two-attached test -b /dev/vdb
touch "$stall"
fio --name=waiting --filename=/dev/vdb --rw=randrw --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --numjobs=2 --size=8m \
    --time_based --runtime=60 --output="$work/waiting" 2>"$work/waiting.err" &
load=$!
sleep 4
check drain-says-who has "open in process" "$(ask drain)"
check drain-detached-the-other bash -c '[[ ! -e /dev/vda && -b /dev/vdb ]]'
ask 'attach file' >/dev/null
kill -9 "$bridge"
wait "$bridge" 2>/dev/null
check removed-without-bridge has "remove stalling: done" \
    "$("$java" -XX:TieredStopAtLevel=1 -cp "$classpath" io.ashlar.vduse.agent.BridgeCommand "$socket" 'remove stalling' 2>&1)"
wait "$load"
check waiting-got-errors grep -q 'Input/output error' "$work/waiting" "$work/waiting.err"
check only-the-other-stays bash -c '[[ -b /dev/vda && ! -e /dev/vdb && -L /dev/ashlar/file && ! -L /dev/ashlar/stalling ]]'
rm "$stall"
start
check other-goes-on dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct
check other-resumed becomes state=attached state
check other-detaches has "detach file: done" "$(ask 'detach file')"

# --- a CPU that goes away takes nothing with it
ask 'attach mem64' >/dev/null
vduse=$(basename /sys/class/vduse/ashlar-*)
fio --name=hotplug --filename=/dev/vda --rw=randrw --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --numjobs=2 --size=60m \
    --time_based --runtime=15 --output="$work/hotplug" &
load=$!
sleep 3
echo 0 >/sys/devices/system/cpu/cpu1/online
check mask-follows becomes 1 cat /sys/class/vduse/"$vduse"/vq1/irq_cb_affinity
check queue-follows has "queueCpus=[0, 0]" "$(ask list)"
sleep 3
echo 1 >/sys/devices/system/cpu/cpu1/online
check mask-returns becomes 2 cat /sys/class/vduse/"$vduse"/vq1/irq_cb_affinity
ends io-through-hotplug "$load"
check queue-returns has "queueCpus=[0, 1]" "$(ask list)"
check detaches-after-hotplug has "detach mem64: done" "$(ask 'detach mem64')"
say stop
wait "$bridge"
check quiet-kernel bash -c '! dmesg | grep -E "WARNING|BUG|hung task|is not a head"'
check quiet-bridge bash -c "! grep -aE 'ERROR|Exception' $log | grep -v 'its header is damaged'"
grep -a -E 'WARN|ERROR' "$log"
