//! What programs do that is no change of a file of this host: a service is asked over a socket, a
//! packet leaves, a block device is written, a file system appears, the power goes off. No snapshot
//! brings that back, so that a command that does it says so before it runs.
//!
//! This is knowledge for people about how far an undo goes. It is apart from the tables of arguments
//! on purpose: that a program is here says nothing about its operands, and makes no rule more
//! lenient. Sources: the manual pages of each, as Debian 12 ships them.

use crate::system::ByteString;

/// What some programs do beyond files.
pub(in crate::invocation) struct Beyond {
    /// The last components of their names, with blanks between them.
    names: &'static str,
    /// What is not undone: a sentence without its full stop.
    pub(in crate::invocation) sentence: &'static str,
    /// When they only look.
    looks: Looks,
}

/// When a program only looks. It is enough that it might do more for it to count as doing it: only
/// the first argument is looked at, since an option before it could take the next word for its
/// value. Words stand with blanks between them.
enum Looks {
    /// Never, as far as hitl knows.
    Never,
    /// Under these first arguments.
    Under(&'static str),
    /// With these arguments and no others, and with one at least.
    OnlyWith(&'static str),
    /// The same, and without any.
    AlsoBare(&'static str),
    /// Except under these subcommands, wherever options put them.
    Except(&'static str),
    /// Where no argument names another host: `host:path`, `rsync://host`.
    Here,
}

use Looks::{AlsoBare, Except, Here, Never, OnlyWith, Under};

const SERVICES: &str = "what services do when they are asked to is not undone";
const PROCESSES: &str = "what processes do when they are signalled is not undone";
const POWER: &str = "what the machine loses when it stops or restarts is not undone";
const MOUNTS: &str = "mounts and mappings of devices are not undone";
const DEVICES: &str = "what is on a block device is not snapshotted";
const NETWORK: &str = "settings of the network and its filters are not undone";
const KERNEL: &str = "settings and modules of the kernel are not undone";
const CONTAINERS: &str =
    "what containers, machines and clusters are made to do, also to files, is not undone";
const CLOUD: &str = "what other hosts and their providers are made to do is not undone";
const REMOTE: &str = "what other hosts do with what is sent to them is not undone";
const DATABASES: &str = "what a database server is made to do is not undone";
const MESSAGES: &str = "a message that was sent is not taken back";
const PACKAGES: &str = "what packages do when they are installed or removed is not undone";
const JOBS: &str = "a job that runs later is not undone";
const LOGS: &str = "what was written to the system's log stays there";

const HELP: &str = "--help --version -V help version";

const TABLE: &[Beyond] = &[
    of(
        "systemctl",
        SERVICES,
        Under(
            "status show cat help is-active is-enabled is-failed is-system-running list-units \
             list-unit-files list-timers list-sockets list-jobs list-dependencies list-machines \
             get-default --version --help",
        ),
    ),
    of("service rc-service invoke-rc.d", SERVICES, OnlyWith("--status-all")),
    of("initctl sv svc supervisorctl monit pm2", SERVICES, Never),
    of(
        "loginctl hostnamectl timedatectl localectl resolvectl",
        SERVICES,
        Under("status show list-sessions list-users show-session show-user"),
    ),
    of("busctl dbus-send gdbus qdbus udevadm", SERVICES, Under("list info")),
    of("nginx apachectl apache2ctl httpd", SERVICES, OnlyWith("-t -T -v -V")),
    of("rndc postfix postqueue postsuper lpr lp cancel", SERVICES, Never),
    of(
        "kill pkill killall skill renice ionice chrt prlimit",
        PROCESSES,
        OnlyWith("-l -L --list --table"),
    ),
    of(
        "reboot shutdown halt poweroff init telinit kexec rtcwake pm-suspend",
        POWER,
        OnlyWith("--help"),
    ),
    of("mount", MOUNTS, AlsoBare("-l -h -V --help --version")),
    of(
        "umount swapon swapoff cryptsetup kpartx multipath iscsiadm dmsetup",
        MOUNTS,
        Under("--show -s --summary status info ls table"),
    ),
    of("losetup", MOUNTS, AlsoBare("-a --all -l --list -J --json")),
    of(
        "mkfs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkfs.fat \
         mkfs.f2fs mkfs.ntfs mke2fs mkswap mkdosfs fdisk sfdisk cfdisk gdisk sgdisk \
         parted partprobe wipefs blkdiscard hdparm nvme fsck e2fsck fsck.ext4 \
         xfs_repair resize2fs xfs_growfs tune2fs e2label fstrim badblocks debugfs \
         growpart",
        DEVICES,
        OnlyWith("-l --list -V --version"),
    ),
    of(
        "lvcreate lvremove lvextend lvresize lvreduce lvconvert lvchange lvrename \
         vgcreate vgremove vgextend vgreduce vgchange pvcreate pvremove pvmove \
         pvresize mdadm zpool zfs btrfs bcache",
        DEVICES,
        Under("list status get"),
    ),
    of(
        "iptables ip6tables ebtables arptables",
        NETWORK,
        OnlyWith("-L -S -n -v --list --list-rules --line-numbers"),
    ),
    of("nft", NETWORK, Under("list")),
    of("ufw", NETWORK, OnlyWith("status verbose numbered version")),
    of(
        "ip",
        NETWORK,
        AlsoBare(
            "-4 -6 -br -brief -c -d -j -o -s a addr address l link n neigh r route rule \
         ls list show",
        ),
    ),
    of(
        "ifconfig route ifup ifdown tc bridge brctl nmcli netplan ethtool \
         firewall-cmd ipset iw iwconfig wg wg-quick ipvsadm arp conntrack hostname",
        NETWORK,
        AlsoBare("-a -n -f -i -s -d --list-all --state"),
    ),
    of("dhclient iptables-restore ip6tables-restore", NETWORK, Never),
    of("sysctl", KERNEL, OnlyWith("-a -A --all -n --values -N --names")),
    of(
        "modprobe insmod rmmod depmod setenforce auditctl hwclock bpftool",
        KERNEL,
        OnlyWith("-l -s --show -r0"),
    ),
    of(
        "docker podman nerdctl",
        CONTAINERS,
        Under("ps images inspect logs version info stats top port diff"),
    ),
    of(
        "kubectl oc",
        CONTAINERS,
        Under(
            "get describe logs top explain version api-resources api-versions \
         cluster-info",
        ),
    ),
    of("helm", CONTAINERS, Under("list ls status history get show version")),
    of(
        "docker-compose podman-compose crictl ctr buildah skopeo lxc lxd incus virsh \
         machinectl vagrant multipass qm pct kubeadm kustomize minikube k3s flux \
         argocd",
        CONTAINERS,
        Under(HELP),
    ),
    of("terraform tofu", CLOUD, Under("plan show output validate version providers graph")),
    of(
        "aws gcloud az doctl hcloud openstack pulumi gh glab vault consul nomad \
         packer ansible ansible-playbook puppet chef-client salt salt-call fly heroku \
         certbot",
        CLOUD,
        Under(HELP),
    ),
    of(
        "ssh scp sftp ftp lftp tftp telnet nc ncat netcat socat curl wget http rsh \
         rlogin mosh rclone s3cmd ssh-copy-id nsupdate twine",
        REMOTE,
        OnlyWith("-V --version --help"),
    ),
    of("rsync", REMOTE, Here),
    of("git", REMOTE, Except("push send-email")),
    of("mail mailx sendmail mutt wall write msmtp", MESSAGES, Never),
    of(
        "psql mysql mariadb mysqladmin mongo mongosh redis-cli createdb dropdb \
         createuser dropuser pg_restore pgbench vacuumdb reindexdb clickhouse-client \
         cqlsh influx etcdctl sqlcmd sqlplus rabbitmqctl kafka-topics ldapadd \
         ldapmodify ldapdelete pg_ctl pg_ctlcluster",
        DATABASES,
        OnlyWith("-V --version --help -l --list"),
    ),
    of(
        "apt apt-get aptitude dnf yum zypper snap flatpak",
        PACKAGES,
        Under("list show search policy info download changelog depends rdepends find"),
    ),
    of(
        "dpkg rpm apk pacman",
        PACKAGES,
        Under(
            "-l -L -S -s -p -c -I -q -qa -ql -qi -V --list --status --search --listfiles \
         info -Q -Qi -Ql --version --get-selections --print-architecture",
        ),
    ),
    of("at batch systemd-run", JOBS, OnlyWith("-l -V")),
    of("logger systemd-cat", LOGS, Never),
];

const fn of(names: &'static str, sentence: &'static str, looks: Looks) -> Beyond {
    Beyond { names, sentence, looks }
}

impl Beyond {
    /// What a program of this name does beyond files.
    pub(super) fn by_name(name: &[u8]) -> Option<&'static Self> {
        TABLE.iter().find(|entry| is_one_of(name, entry.names))
    }

    /// Whether it only looks, with these arguments.
    pub(in crate::invocation) fn only_looks(&self, arguments: &[ByteString]) -> bool {
        let is_one_of = |argument: &ByteString, known: &str| is_one_of(argument.as_bytes(), known);
        match self.looks {
            Never => false,
            Under(first) => arguments.first().is_some_and(|argument| is_one_of(argument, first)),
            OnlyWith(all) => {
                !arguments.is_empty() && arguments.iter().all(|argument| is_one_of(argument, all))
            }
            AlsoBare(all) => arguments.iter().all(|argument| is_one_of(argument, all)),
            Except(acting) => !arguments.iter().any(|argument| is_one_of(argument, acting)),
            Here => !arguments.iter().any(names_a_host),
        }
    }
}

fn is_one_of(word: &[u8], known: &str) -> bool {
    known.split(' ').any(|known| known.as_bytes() == word)
}

/// Whether an argument is on another host, as rsync(1) reads it: a colon before any slash.
fn names_a_host(argument: &ByteString) -> bool {
    let bytes = argument.as_bytes();
    let before = bytes.iter().position(|byte| *byte == b'/').unwrap_or(bytes.len());
    !bytes.starts_with(b"-") && bytes.get(..before).is_some_and(|start| start.contains(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_is_told_from_what_acts_and_what_is_doubtful_acts() {
        for (line, acts) in [
            ("systemctl restart nginx", true),
            ("systemctl status nginx", false),
            // The word could be the value of the option before it.
            ("systemctl -t status stop nginx", true),
            ("systemctl", true),
            ("mount", false),
            ("mount -l", false),
            ("mount -l /dev/sda1 /mnt", true),
            ("ip -br addr show", false),
            ("ip addr add 10.0.0.1/8 dev eth0", true),
            ("ip link set eth0 down", true),
            ("iptables -L -n", false),
            ("iptables -F", true),
            ("kubectl get pods", false),
            ("kubectl delete pod web", true),
            ("docker ps -a", false),
            ("docker run -v /etc:/x image", true),
            ("kill -l", false),
            ("kill", true),
            ("kill 1", true),
            ("reboot", true),
            ("reboot --help", false),
            ("rsync -a /srv/a/ /srv/b:c/", false),
            ("rsync -a /srv/a/ backup:/srv/b", true),
            ("rsync -a rsync://backup/a /srv/b", true),
            ("git -C /srv/app reset --hard", false),
            ("git -C /srv/app push", true),
            ("dpkg -l", false),
            ("dpkg -i x.deb", true),
            ("logger", true),
            ("mkfs.ext4 /dev/sda1", true),
            ("psql --list", false),
            ("psql", true),
        ] {
            let mut words = line.split(' ');
            let entry = Beyond::by_name(words.next().unwrap().as_bytes()).unwrap();
            let arguments: Vec<ByteString> = words.map(Into::into).collect();
            assert_eq!(!entry.only_looks(&arguments), acts, "{line}");
        }
    }

    #[test]
    fn no_program_stands_in_the_table_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for name in TABLE.iter().flat_map(|entry| entry.names.split(' ')) {
            assert!(seen.insert(name), "{name}");
        }
    }
}
