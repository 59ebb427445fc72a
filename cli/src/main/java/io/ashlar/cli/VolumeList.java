package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ListVolumes;
import io.ashlar.protocol.message.VolumeInfo;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code ashlar volume list}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "list",
        aliases = "ls",
        description = "List the volumes of one node or several.",
        mixinStandardHelpOptions = true)
final class VolumeList implements Runnable {
    private static final List<String> COLUMNS = List.of("name", "size", "stored", "blockSize", "heldBy");

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public void run() {
        List<InetSocketAddress> nodes = server.addresses();
        List<Map<String, Object>> rows = new ArrayList<>();
        List<String> columns = new ArrayList<>(COLUMNS);
        if (nodes.size() == 1) {
            addVolumes(nodes.get(0), rows);
        } else {
            columns.add(0, "node");
            for (InetSocketAddress node : nodes) {
                int before = rows.size();
                addVolumes(node, rows);
                rows.subList(before, rows.size()).forEach(row -> row.put("node", Addresses.text(node)));
            }
        }
        output.table(rows, columns);
    }

    private void addVolumes(InetSocketAddress node, List<Map<String, Object>> rows) {
        String after = "";
        boolean more = true;
        while (more) {
            ListVolumes command = ListVolumes.newBuilder().setAfter(after).build();
            io.ashlar.protocol.message.VolumeList page = Node.ask(
                            node,
                            AdminRequest.newBuilder().setListVolumes(command).build())
                    .getListVolumes();
            for (VolumeInfo volume : page.getVolumesList()) {
                rows.add(output.isJson() ? VolumeView.all(volume) : VolumeView.row(volume));
                after = volume.getName();
            }
            more = page.getMore() && page.getVolumesCount() > 0;
        }
    }
}
